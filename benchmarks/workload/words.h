// Words in the proportions of natural text: from a file, or made up with the frequencies and lengths that words have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

// Immutable once made. Word n of the endless text is the (n mod count)th of the words held.
class Words {
 public:
  // A word is a run of ASCII letters. Throws std::runtime_error when the file has none.
  static Words FromFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    Words words;
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin;
      while (end < text.size() && is_letter(text[end])) ++end;
      if (end != begin) words.Append(std::string_view(text).substr(begin, end - begin));
      begin = std::max(end, begin + 1);
    }
    if (words.size() == 0) throw std::runtime_error("no words in file, path=" + path);
    return words;
  }

  // Zipf's law over a made-up vocabulary: the word of rank r comes with a frequency of 1 / (r + 3); frequent words are short.
  static Words Generated(uint64_t seed) {
    const std::vector<std::string> vocabulary = Vocabulary(seed);
    std::vector<uint64_t> cumulated;
    uint64_t total = 0;
    for (uint64_t rank = 0; rank < vocabulary.size(); ++rank) cumulated.push_back(total += (uint64_t{1} << 40) / (rank + 3));
    Words words;
    for (uint64_t n = 0; n < kGeneratedWords; ++n) {
      const uint64_t draw = Mix64(n + (seed << 40)) % total;
      words.Append(vocabulary[static_cast<size_t>(std::upper_bound(cumulated.begin(), cumulated.end(), draw) - cumulated.begin())]);
    }
    return words;
  }

  uint64_t size() const { return ends_.size() - 1; }
  std::string_view Word(uint64_t n) const {
    const uint64_t index = n % size();
    return std::string_view(text_).substr(ends_[index], ends_[index + 1] - ends_[index]);
  }

 private:
  static constexpr uint64_t kGeneratedWords = 1'000'000;
  static constexpr uint64_t kVocabularyWords = 50'000;

  void Append(std::string_view word) {
    text_ += word;
    ends_.push_back(text_.size());
  }
  static std::vector<std::string> Vocabulary(uint64_t seed) {
    std::vector<std::string> vocabulary;
    std::unordered_set<std::string> known;
    for (uint64_t draw = seed << 32; vocabulary.size() < kVocabularyWords; ++draw) {
      const uint64_t rank = vocabulary.size();
      const uint64_t shortest = rank < 10 ? 1 : rank < 100 ? 2 : rank < 1'000 ? 3 : 5;
      uint64_t random = Mix64(draw);
      std::string word(shortest + random % (rank < 1'000 ? 4 : 8), ' ');
      for (char& letter : word) {
        random = Mix64(random);
        letter = static_cast<char>('a' + random % 26);
      }
      if (known.insert(word).second) vocabulary.push_back(std::move(word));
    }
    return vocabulary;
  }

  std::string text_;
  std::vector<uint64_t> ends_ = {0};  // Word i is [ends_[i], ends_[i + 1]) of text_.
};

struct WordOptions {
  uint64_t seed = 1;
  std::string path;  // Of a text file; empty: a generated text.
};

class WordGenerator {
 public:
  using Record = std::string;

  explicit WordGenerator(WordOptions options) : options_(std::move(options)) {}
  // Before Make: reads or makes the text, which a job's planning has no need of.
  void Prepare() { words_ = std::make_shared<const Words>(options_.path.empty() ? Words::Generated(options_.seed) : Words::FromFile(options_.path)); }
  std::string Make(uint64_t n) const { return std::string(words_->Word(n)); }
  const Words& words() const { return *words_; }

 private:
  WordOptions options_;
  std::shared_ptr<const Words> words_;  // Copies of a generator share the text.
};

}  // namespace weir::bench
