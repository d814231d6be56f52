#include "circuit_estimate/report_page.h"

namespace dsperse {

absl::string_view PageStyle() {
  return R"css(
:root{color-scheme:light dark;--paper:#fcfcfa;--card:#fff;--ink:#1d1f23;--soft:#62676f;--line:#e3e3de;--track:#efefeb;
--good:#1f7a52;--bad:#b3423a;--accent:#2f6db5;--f0:#3a73b8;--f1:#7a5fb0;--f2:#e0883a;--f3:#c94a5f;--f4:#d6ad35;
--f5:#3a9a7c;--f6:#8a9099;--f7:#c6cad0}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--card:#1c1f23;--ink:#e8e9eb;--soft:#9aa1aa;--line:#2e3238;
--track:#262a2f;--good:#5cc394;--bad:#ec8379;--accent:#6ea8e6;--f0:#5e97da;--f1:#9d86d0;--f2:#eb9d58;--f3:#e06f82;
--f4:#e2c157;--f5:#58b898;--f6:#8d949d;--f7:#4a5058}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.3;margin:48px 0 4px;letter-spacing:-.005em;overflow-wrap:anywhere}
h3{font-size:1rem;margin:32px 0 8px}
p{margin:0 0 12px;max-width:70ch}
.soft,small,figcaption,.note{color:var(--soft)}
.note{margin-top:8px}
.soft,.note,figcaption{font-size:.875rem}
.lead{font-size:1.05rem;margin:10px 0 20px}
.notice{border-left:3px solid var(--f4);padding:2px 0 2px 12px;font-size:.9rem;margin:12px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(176px,1fr));gap:12px;margin:20px 0 8px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:.8rem;font-weight:500;color:var(--soft)}
.tile span{display:block;font-size:1.45rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.tile strong{font-weight:650;white-space:nowrap}
.tile span i{font-weight:400;white-space:nowrap;font-style:normal;font-weight:400;color:var(--soft);font-size:1.1rem}
.tile em{font-style:normal;font-size:.85rem;color:var(--soft)}
.less{color:var(--good)!important;font-weight:600}.more{color:var(--bad)!important;font-weight:600}
figure{margin:28px 0 0}
figure>b{display:block;font-size:1rem;margin-bottom:2px}
.rows{display:grid;grid-template-columns:max-content 1fr;gap:10px 14px;align-items:center;margin:12px 0 6px}
.rows>span{font-size:.875rem;line-height:1.25}
.rows>span small{display:block;font-variant-numeric:tabular-nums}
.track{background:var(--track);border-radius:4px;min-width:0}
.strip{display:flex;gap:2px;height:40px;min-width:2px}
.strip>div{display:flex;min-width:1px;overflow:hidden;border-radius:3px}
.strip>div:hover,.bars>div:hover{filter:brightness(1.12)}
.dense{gap:0}.dense>div{border-radius:0}
.strip i{display:block}
.f0{background:var(--f0)}.f1{background:var(--f1)}.f2{background:var(--f2)}.f3{background:var(--f3)}
.f4{background:var(--f4)}.f5{background:var(--f5)}.f6{background:var(--f6)}.f7{background:var(--f7)}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:8px 0 0;padding:0;list-style:none;font-size:.82rem;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.tip{display:block;min-height:1.5em;font-size:.82rem;color:var(--soft);overflow-wrap:anywhere}
.panels{display:grid;grid-template-columns:1fr 1fr;gap:24px;margin-top:12px}
.panel{min-width:0}
.panel>p{display:flex;justify-content:space-between;gap:8px;margin:0 0 4px;font-size:.875rem;color:var(--soft)}
.panel>p b{color:var(--ink);font-weight:600}
.bars{display:flex;align-items:flex-end;gap:2px;height:180px;border-bottom:1px solid var(--soft);
background:repeating-linear-gradient(to bottom,var(--line) 0 1px,transparent 1px 25%)}
.bars>div{flex:1 1 0;min-width:1px;max-width:56px;border-radius:3px 3px 0 0;position:relative}
.ends{display:flex;justify-content:space-between;font-size:.75rem;color:var(--soft);padding-top:3px}
.pair{display:grid;gap:3px}.pair>div{height:11px;border-radius:3px;min-width:2px}
.was{background:var(--f7)}.is{background:var(--accent)}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch;border:1px solid var(--line);border-radius:10px;background:var(--card);margin-top:8px}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
th{font-weight:600;color:var(--soft);font-size:.8rem;white-space:nowrap;background:var(--card)}
td:first-child{min-width:7ch}
th:first-child,td:first-child{position:sticky;left:0;background:var(--card)}
.n{text-align:right}td.n{white-space:nowrap}td.n.w{white-space:normal;min-width:15ch}
tr.main td{font-weight:650}
tbody tr:hover td{background:var(--track)}
.what{max-width:44ch;overflow-wrap:anywhere}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:2px}
th button::after{content:"↕";opacity:.35;margin-left:5px}
th[aria-sort=ascending] button::after{content:"↑";opacity:1}th[aria-sort=descending] button::after{content:"↓";opacity:1}
.find{display:none;margin-top:10px}.js .find{display:flex;gap:12px;align-items:center;flex-wrap:wrap}
.find input{flex:0 1 320px;min-width:0;font:inherit;font-size:1rem;padding:7px 12px;border:1px solid var(--line);border-radius:8px;background:var(--card);color:var(--ink)}
.find input:focus{outline:2px solid var(--accent);outline-offset:-1px}
details{margin-top:14px}
details>summary{cursor:pointer;font-weight:600;padding:6px 0}
details.warn>summary{font-weight:400;font-size:.9rem;border-left:3px solid var(--f4);padding:2px 0 2px 10px}
details.part{border-top:1px solid var(--line);margin-top:28px;padding-top:14px}
details.part>summary{font-size:1.15rem;overflow-wrap:anywhere}
details.part>summary small{font-weight:400;margin-left:8px}
footer{margin-top:56px;border-top:1px solid var(--line);padding-top:16px}
@media (max-width:640px){main{padding:24px 16px 48px}h1{font-size:1.5rem}.tiles{grid-template-columns:1fr 1fr;gap:8px}
.tile{padding:10px 12px}.tile:first-child{grid-column:span 2}.tile span{font-size:1.1rem;white-space:normal}.tile strong{font-weight:650;white-space:nowrap}
.tile span i{font-weight:400;white-space:nowrap;font-size:.95rem}
.panels{grid-template-columns:1fr;gap:20px}.bars{height:140px}.rows{grid-template-columns:1fr;gap:3px}
.rows>span{margin-top:8px}.rows>span small{display:inline;margin-left:6px}th,td{padding:6px 9px}
th:first-child,td:first-child{max-width:34vw;overflow-wrap:anywhere}td.n.w{min-width:17ch}}
@media print{.find{display:none!important}body{background:#fff}}
)css";
}

absl::string_view PageScript() {
  return R"js(
(function(){
var root=document.documentElement;root.classList.add('js');
document.querySelectorAll('figure').forEach(function(figure){
  var tip=figure.querySelector('.tip');if(!tip)return;
  function show(e){var at=e.target.closest('[title]');if(at)tip.textContent=at.title;}
  figure.addEventListener('pointerover',show);figure.addEventListener('click',show);
});
function key(cell){return cell.dataset.k===undefined?cell.textContent:Number(cell.dataset.k);}
document.querySelectorAll('table.sortable').forEach(function(table){
  var body=table.tBodies[0];
  Array.prototype.forEach.call(table.tHead.rows[0].cells,function(head,column){
    var button=document.createElement('button');button.type='button';
    button.textContent=head.textContent;head.textContent='';head.appendChild(button);
    button.addEventListener('click',function(){
      var number=head.classList.contains('n');
      var first=number?'descending':'ascending',second=number?'ascending':'descending';
      var order=head.getAttribute('aria-sort')===first?second:first;
      Array.prototype.forEach.call(table.tHead.rows[0].cells,function(c){c.removeAttribute('aria-sort');});
      head.setAttribute('aria-sort',order);
      var sign=order==='ascending'?1:-1;
      var rows=Array.prototype.slice.call(body.rows);
      rows.sort(function(a,b){var x=key(a.cells[column]),y=key(b.cells[column]);
        return sign*(x<y?-1:x>y?1:0);});
      rows.forEach(function(row){body.appendChild(row);});
    });
  });
});
document.querySelectorAll('.find').forEach(function(find){
  var input=find.querySelector('input'),count=find.querySelector('span');
  var rows=document.getElementById(input.dataset.of).tBodies[0].rows;
  input.addEventListener('input',function(){
    var words=input.value.toLowerCase().split(/\s+/).filter(Boolean),shown=0;
    Array.prototype.forEach.call(rows,function(row){
      var text=(row.textContent+' '+(row.title||'')).toLowerCase();
      var hit=words.every(function(w){return text.indexOf(w)>=0;});
      row.hidden=!hit;if(hit)++shown;
    });
    count.textContent=words.length?shown+' of '+rows.length:'';
  });
});
})();
)js";
}

}  // namespace dsperse
