#include "slicer/receipt.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "fold/ir/file.h"
#include "fold/ir/status_macros.h"

namespace dsperse {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kTool[] = "dsperse-slice";

Json ToJson(const HashedFile& file, Digest digest) {
  Json json = Json::object();
  if (!file.name.empty()) json["name"] = file.name;
  json["bytes"] = file.bytes;
  json[std::string(DigestName(digest))] = file.hash;
  return json;
}

Json ToJson(const std::vector<HashedFile>& files, Digest digest) {
  Json json = Json::array();
  for (const HashedFile& file : files) json.push_back(ToJson(file, digest));
  return json;
}

// Throws Json::exception where the form is another.
HashedFile FileOf(const Json& json, Digest digest) {
  HashedFile file;
  file.name = json.value("name", "");
  file.bytes = json.at("bytes").get<uint64_t>();
  file.hash = json.at(std::string(DigestName(digest))).get<std::string>();
  return file;
}

std::vector<HashedFile> FilesOf(const Json& json, Digest digest) {
  std::vector<HashedFile> files;
  for (const Json& file : json) files.push_back(FileOf(file, digest));
  return files;
}

bool IsHash(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

bool HashesAreSound(const Receipt& receipt) {
  const auto sound = [](const HashedFile& file) { return IsHash(file.hash); };
  return sound(receipt.input) &&
         std::all_of(receipt.external_data.begin(), receipt.external_data.end(), sound) &&
         std::all_of(receipt.outputs.begin(), receipt.outputs.end(), sound);
}

}  // namespace

void AddInputs(absl::Span<const SourceFile> files, Jobs* jobs, Receipt* receipt) {
  receipt->external_data.resize(files.empty() ? 0 : files.size() - 1);
  for (size_t i = 0; i < files.size(); ++i) {
    absl::string_view name = files[i].path;
    const std::string folder = FolderOf(files[0].path);
    if (folder != ".") absl::ConsumePrefix(&name, absl::StrCat(folder, "/"));
    HashedFile* const out = i == 0 ? &receipt->input : &receipt->external_data[i - 1];
    const Digest digest = receipt->digest;
    jobs->Add([file = files[i], name = std::string(i == 0 ? "" : name), digest, out, jobs]() -> absl::Status {
      DSPERSE_ASSIGN_OR_RETURN(*out, HashFile(file, name, digest, jobs));
      return absl::OkStatus();
    });
  }
}

absl::Status HashInputs(absl::Span<const SourceFile> files, Receipt* receipt) {
  Jobs jobs;
  AddInputs(files, &jobs, receipt);
  return jobs.Finish();
}

std::string ReceiptText(const Receipt& receipt) {
  Json json;
  json["tool"] = {{"name", kTool},
                  {"version", receipt.version.empty() ? DSPERSE_VERSION : receipt.version}};
  json["command"] = receipt.command;
  json["options"] = receipt.options;
  json["input"] = ToJson(receipt.input, receipt.digest);
  json["external_data"] = ToJson(receipt.external_data, receipt.digest);
  json["outputs"] = ToJson(receipt.outputs, receipt.digest);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Receipt> ParseReceipt(absl::string_view text, absl::string_view where) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": not a receipt: ", what));
  };
  Receipt receipt;
  try {
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return wrong("is no JSON");
    if (json.at("tool").at("name").get<std::string>() != kTool) return wrong("of another tool");
    receipt.version = json.at("tool").at("version").get<std::string>();
    // Before the rest is looked at: another version may write it another way.
    if (receipt.version != DSPERSE_VERSION) {
      return absl::UnimplementedError(absl::StrCat(where, ": made by ", kTool, " ", receipt.version,
                                                   ", this is ", DSPERSE_VERSION,
                                                   "; only that version can do the work again"));
    }
    receipt.command = json.at("command").get<std::string>();
    receipt.options = json.at("options");
    const Json& input = json.at("input");
    if (input.contains(DigestName(Digest::kBlake3))) receipt.digest = Digest::kBlake3;
    receipt.input = FileOf(input, receipt.digest);
    receipt.external_data = FilesOf(json.at("external_data"), receipt.digest);
    receipt.outputs = FilesOf(json.at("outputs"), receipt.digest);
  } catch (const Json::exception& error) {
    return wrong(error.what());
  }
  if (!receipt.options.is_object()) return wrong("its options are no object");
  if (!HashesAreSound(receipt)) return wrong("a hash that isn't 64 hexadecimal digits");
  return receipt;
}

std::vector<ReceiptFile> CompareInputs(const Receipt& recorded, const Receipt& repeated) {
  std::vector<ReceiptFile> files;
  files.push_back({"input", "", recorded.input.hash, repeated.input.hash});
  const size_t count = std::max(recorded.external_data.size(), repeated.external_data.size());
  for (size_t i = 0; i < count; ++i) {
    ReceiptFile file;
    file.role = "external data";
    if (i < repeated.external_data.size()) {
      file.name = repeated.external_data[i].name;
      file.found = repeated.external_data[i].hash;
    }
    if (i < recorded.external_data.size()) {
      file.name = recorded.external_data[i].name;
      file.recorded = recorded.external_data[i].hash;
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<ReceiptFile> CompareOutputs(const Receipt& recorded, const Receipt& repeated) {
  std::map<absl::string_view, absl::string_view> found;
  for (const HashedFile& output : repeated.outputs) found[output.name] = output.hash;
  std::vector<ReceiptFile> files;
  for (const HashedFile& output : recorded.outputs) {
    const auto it = found.find(output.name);
    files.push_back({"output", output.name, output.hash, it == found.end() ? "" : std::string(it->second)});
    if (it != found.end()) found.erase(it);
  }
  for (const HashedFile& output : repeated.outputs) {
    if (found.count(output.name) > 0) files.push_back({"output", output.name, "", output.hash});
  }
  return files;
}

}  // namespace dsperse
