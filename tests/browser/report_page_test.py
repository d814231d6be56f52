"""The HTML report in a real browser (headless Chromium): figures are read off the page, with and without its
script, and pictures are taken at the width of a laptop and of a phone."""
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BIN = pathlib.Path(os.environ["DSPERSE_BIN_DIR"])
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def browse(*flags):
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                               "--disable-dev-shm-usage", f"--user-data-dir={profile}", *flags], capture_output=True,
                              text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr[-500:])
    return done.stdout


class Page(html.parser.HTMLParser):
    """Texts of a page: those of the element with an id, and of the cells of tables by the table's id."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.tables, self.outside, self.classes = {}, {}, [], {}
        self.stack, self.table = [], None
        self.feed(text)

    VOID = {"meta", "input", "br", "link"}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        for key in ("src", "href"):
            if key in attributes:
                self.outside.append(attributes[key])
        for name in (attributes.get("class") or "").split():
            self.classes[name] = self.classes.get(name, 0) + 1
        if tag == "table":
            self.table = self.tables.setdefault(attributes.get("id"), [])
        if tag == "tr" and self.table is not None:
            self.table.append([])
        if tag in ("td", "th") and self.table is not None:
            self.table[-1].append("")
        if tag not in self.VOID:
            self.stack.append((tag, attributes.get("id")))

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop()[0] != tag:
            pass
        if tag == "table":
            self.table = None

    def handle_data(self, data):
        for _, name in self.stack:
            if name:
                self.texts[name] = self.texts.get(name, "") + data
        if self.table and self.table[-1] and any(tag in ("td", "th") for tag, _ in self.stack):
            self.table[-1][-1] += data


class ReportPage(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        models = []
        for name, size in (("resnet18", 32), ("conv_bn_relu_chain", 8)):
            models.append(cls.folder / f"{name}.onnx")
            subprocess.run([BIN / "make_model", name, models[-1], "--size", str(size)], check=True)
        for folder, of in (("one", models[:1]), ("two", models)):
            subprocess.run([BIN / "dsperse-slice", "--quiet", "report", *of, "--format", "html,json", "-o",
                            f"{cls.folder / folder}/"], check=True)
        cls.one, cls.two = cls.folder / "one" / "report.html", cls.folder / "two" / "report.html"
        cls.data = json.loads((cls.folder / "one" / "report.json").read_text())["models"][0]["backends"][0]

    def test_figures_are_those_of_the_data(self):
        page = Page(browse("--dump-dom", f"file://{self.one}"))
        columns = self.data["columns"]
        rows = {row[0]: row[1:] for row in page.tables["m0b0-summary"]}
        self.assertEqual(rows["nodes"][:3], [f"{columns[key]['model']['nodes']:,}"
                                             for key in ("as_it_came", "unfused", "fused")])
        self.assertEqual(rows["BatchNormalizations"], ["20", "20", "0", "−100.0 %"])
        self.assertIn("not provable", rows["constraints"][0])
        fused = f"{columns['fused']['totals']['constraints']:,}"
        self.assertEqual(rows["constraints"][2].replace("≈ ", ""), fused)
        change = self.data["change"]["constraints"]["percent"]
        self.assertIn(f"{abs(change):.1f} %", page.texts["m0b0-total"])
        slices = [row for row in page.tables["m0b0-slices"][1:] if row[0] == "fused"]
        self.assertEqual(len(slices), columns["fused"]["slice_count"])
        for row in slices:
            want = columns["fused"]["slices"][int(row[1])]
            self.assertEqual(row[4].replace("≈ ", ""), f"{want['counts']['constraints']:,}")

    def test_needs_nothing_from_outside_and_no_script(self):
        text = self.one.read_text()
        self.assertEqual(Page(text).outside, [])
        self.assertNotIn("http", text)
        still = self.folder / "still.html"
        still.write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.S))
        page = Page(browse("--dump-dom", f"file://{still}"))
        self.assertNotIn("js", page.classes)
        self.assertIn("m0b0-total", page.texts)
        slices = sum(column["slice_count"] for key, column in self.data["columns"].items() if key != "as_it_came")
        self.assertEqual(sum(row[0] in ("fused", "unfused") for row in page.tables["m0b0-slices"]), slices)
        self.assertEqual(page.classes["strip"], 2)
        self.assertEqual(page.classes["bars"], 2)

    def run_script(self, page, script, width=1280):
        """What `script` leaves in the title of the page."""
        copy = page.with_name("scripted.html")
        copy.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
        text = browse(f"--window-size={width},900", "--dump-dom", f"file://{copy}")
        return re.search(r"<title>(.*?)</title>", text, re.S).group(1)

    def test_script_sorts_and_finds(self):
        table = "document.getElementById('m0b0-slices')"
        prices = self.run_script(self.one, f"""{table}.tHead.rows[0].cells[4].querySelector('button').click();
          document.title = Array.from({table}.tBodies[0].rows).map(r => r.cells[4].dataset.k).join(' ')""")
        prices = [float(word) for word in prices.split()]
        self.assertEqual(prices, sorted(prices, reverse=True))
        self.assertGreater(len(set(prices)), 1)
        shown = self.run_script(self.one, f"""var i = document.querySelector('.find input'); i.value = 'fused gemm';
          i.dispatchEvent(new Event('input'));
          document.title = Array.from({table}.tBodies[0].rows).filter(r => !r.hidden).length""")
        gemms = sum("Gemm" in [op["op"] for op in piece["operators"]] for column in self.data["columns"].values()
                    for piece in column["slices"])
        self.assertGreaterEqual(gemms, int(shown))
        self.assertGreater(int(shown), 0)

    def test_pictures_at_two_widths(self):
        for page in (self.one, self.two):
            for width in (1280, 390):
                picture = self.folder / f"{page.parent.name}_{width}.png"
                browse(f"--window-size={width},1600", f"--screenshot={picture}", f"file://{page}")
                head = picture.read_bytes()[:24]
                self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
                self.assertEqual(int.from_bytes(head[16:20], "big"), width)
                # A page of one colour compresses to next to nothing.
                self.assertGreater(picture.stat().st_size, 20_000)
                over = self.run_script(page, "document.title = document.documentElement.scrollWidth - innerWidth", width)
                self.assertLessEqual(int(over), 0, f"{page.parent.name} is wider than {width} pixels")

    def test_several_models_are_compared(self):
        page = Page(browse("--dump-dom", f"file://{self.two}"))
        self.assertEqual([row[0] for row in page.tables["all-b0"][1:]], ["resnet18.onnx", "conv_bn_relu_chain.onnx"])
        self.assertEqual(page.classes["pair"], 2)


if __name__ == "__main__":
    if CHROMIUM is None:
        print("skipped: there is no Chromium here (Debian: apt-get install chromium)", file=sys.stderr)
        sys.exit(77)
    unittest.main()
