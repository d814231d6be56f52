// Runs a fuzzer's body without libFuzzer: on every file of the folder given as argument, on damaged
// copies of these, and on inputs of random bytes. The seeds are fixed, so the run is the same
// everywhere. More of it: NAME_replay FOLDER COPIES RANDOM SEED, with so many damaged copies of each file
// and so many random inputs; the number of the input at work is on stderr if it ends the process.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kDamagedCopies = 64;
constexpr size_t kRandomInputs = 256;
constexpr size_t kMaxRandomSize = 512;

size_t at_work = 0;

void SayWhichInput() { std::fprintf(stderr, "input %zu\n", at_work); }

void RunOn(const std::string& input) {
  ++at_work;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

// The generator's raw output only: distributions of the standard library differ between libraries.
size_t Below(std::mt19937_64& random, size_t limit) { return random() % limit; }

std::string Damaged(std::string input, std::mt19937_64& random) {
  const size_t edits = 1 + Below(random, 4);
  for (size_t i = 0; i < edits && !input.empty(); ++i) {
    const size_t at = Below(random, input.size());
    switch (Below(random, 4)) {
      case 0:
        input[at] = static_cast<char>(random());
        break;
      case 1:
        input.resize(at);
        break;
      case 2:
        input.erase(at, 1 + Below(random, 16));
        break;
      default:
        input.insert(at, input.substr(Below(random, input.size()), 16));
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  if (argc > 1 && std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());

  const auto number = [&](int i, size_t fallback) {
    return argc > i ? static_cast<size_t>(std::strtoull(argv[i], nullptr, 10)) : fallback;
  };
  const size_t copies = number(2, kDamagedCopies);
  const size_t randoms = number(3, kRandomInputs);
  std::signal(SIGABRT, [](int) { SayWhichInput(); });
  std::signal(SIGSEGV, [](int) {
    SayWhichInput();
    std::_Exit(139);
  });

  std::mt19937_64 random(number(4, 20240607));
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    RunOn(input);
    for (size_t i = 0; i < copies; ++i) RunOn(Damaged(input, random));
  }
  for (size_t i = 0; i < randoms; ++i) {
    std::string input(Below(random, kMaxRandomSize), '\0');
    for (char& c : input) c = static_cast<char>(random());
    RunOn(input);
  }
  std::printf("%zu seed files, %zu inputs\n", files.size(), at_work);
  return 0;
}
