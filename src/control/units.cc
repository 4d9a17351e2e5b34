#include "control/units.h"

#include <array>
#include <optional>

#include "base/ascii.h"
#include "control/config_error.h"

namespace remora::control {

namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kTimeUnits = {Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizeUnits = {
    Unit{"B", 1},      Unit{"KiB", 1 << 10},  Unit{"MiB", 1 << 20},     Unit{"GiB", 1 << 30},
    Unit{"KB", 1'000}, Unit{"MB", 1'000'000}, Unit{"GB", 1'000'000'000}};

// Far beyond any sensible setting, and far from where arithmetic on nanoseconds or bytes would overflow.
constexpr uint64_t kLongestMillis = 365ULL * 24 * 3'600'000;
constexpr uint64_t kLargestSize = 1ULL << 50;

struct Amount {
  uint64_t whole = 0;
  uint64_t fraction = 0;  // digits after the point...
  uint64_t scale = 1;     // ...over this power of ten
  bool is_valid = false;
};

// Takes "12" or "1.5" off the front.
Amount takeAmount(std::string_view& text) {
  Amount amount;
  const auto takeDigits = [&]() -> std::optional<uint64_t> {
    size_t length = 0;
    while (length < text.size() && ascii::isDigit(text[length])) ++length;
    // 15 digits leave room to multiply by the largest unit without overflow checks at each step.
    if (length == 0 || length > 15) return std::nullopt;
    const std::optional<uint64_t> value = ascii::parseDecimal(text.substr(0, length));
    text.remove_prefix(length);
    for (size_t i = 0; i < length; ++i) amount.scale *= 10;
    return value;
  };
  const std::optional<uint64_t> whole = takeDigits();
  amount.scale = 1;
  if (!whole) return amount;
  amount.whole = *whole;
  amount.is_valid = true;
  if (text.size() < 2 || text[0] != '.' || !ascii::isDigit(text[1])) return amount;
  text.remove_prefix(1);
  const std::optional<uint64_t> fraction = takeDigits();
  amount.is_valid = fraction.has_value() && amount.scale <= 1'000'000;
  amount.fraction = fraction.value_or(0);
  return amount;
}

// The amount in the unit's base; nothing when it isn't whole or too large.
std::optional<uint64_t> multiply(const Amount& amount, uint64_t factor, uint64_t largest) {
  if (amount.whole > largest / factor) return std::nullopt;
  if (amount.fraction * factor % amount.scale != 0) return std::nullopt;
  const uint64_t value = amount.whole * factor + amount.fraction * factor / amount.scale;
  return value <= largest ? std::optional(value) : std::nullopt;
}

std::string_view takeUnitName(std::string_view& text) {
  size_t length = 0;
  while (length < text.size() && ascii::isAlpha(text[length])) ++length;
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  return name;
}

template <size_t kCount>
const Unit* findUnit(const std::array<Unit, kCount>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

constexpr std::string_view kTimeExpected = "a time such as 250ms, 2s, 1m or 1h";
constexpr std::string_view kSizeExpected = "a size such as 512B, 64KiB, 10MiB or 1GiB";

// "5sec", "5 s", "2S", "1d": what was meant.
std::string respellTime(const Amount& amount, std::string_view unit) {
  const std::string lower = ascii::toLower(ascii::trim(unit));
  const auto whole = std::to_string(amount.whole);
  if (amount.fraction != 0) return {};
  if (lower == "ms" || lower.starts_with("milli") || lower == "msec") return whole + "ms";
  if (lower == "d" || lower.starts_with("day")) return std::to_string(amount.whole * 24) + "h";
  if (lower.starts_with("s")) return whole + "s";
  if (lower.starts_with("m")) return whole + "m";
  if (lower.starts_with("h")) return whole + "h";
  return {};
}

std::string respellSize(const Amount& amount, std::string_view unit) {
  const std::string lower = ascii::toLower(ascii::trim(unit));
  if (lower.empty() || amount.fraction != 0) return {};
  const auto whole = std::to_string(amount.whole);
  if (lower.front() == 'b') return whole + "B";
  const std::string_view second = lower.size() > 1 && lower[1] == 'b' && lower.size() == 2 ? "B" : "iB";
  switch (lower.front()) {
    case 'k':
      return whole + "K" + std::string(second);
    case 'm':
      return whole + "M" + std::string(second);
    case 'g':
      return whole + "G" + std::string(second);
    default:
      return {};
  }
}

Misspelt wrongUnit(std::string_view text, std::string_view expected, std::string suggestion) {
  return {"can't read " + quoted(text), std::string(expected), std::move(suggestion)};
}

}  // namespace

Spelt<Milliseconds> parseDuration(std::string_view text) {
  if (text == "0") return Milliseconds(0);
  std::string_view rest = text;
  uint64_t total = 0;
  uint64_t previous_factor = UINT64_MAX;
  while (!rest.empty()) {
    const Amount amount = takeAmount(rest);
    if (!amount.is_valid) return std::unexpected(wrongUnit(text, kTimeExpected, {}));
    if (rest.empty() && amount.fraction == 0 && total == 0) {
      return std::unexpected(
          Misspelt{"the number " + quoted(text) + " has no unit", std::string(kTimeExpected),
                   "write " + std::to_string(amount.whole) + "s or " + std::to_string(amount.whole) + "ms"});
    }
    const std::string_view remainder = rest;
    const Unit* unit = findUnit(kTimeUnits, takeUnitName(rest));
    if (unit == nullptr || unit->factor >= previous_factor) {
      return std::unexpected(wrongUnit(text, kTimeExpected, total == 0 ? respellTime(amount, remainder) : ""));
    }
    const std::optional<uint64_t> millis = multiply(amount, unit->factor, kLongestMillis);
    if (!millis) {
      return std::unexpected(
          Misspelt{quoted(text) + " is too long, or not whole milliseconds", "at most 8760h, in steps of 1ms"});
    }
    total += *millis;
    previous_factor = unit->factor;
  }
  if (text.empty()) return std::unexpected(Misspelt{"the time is empty", std::string(kTimeExpected)});
  if (total > kLongestMillis) return std::unexpected(Misspelt{quoted(text) + " is too long", "at most 8760h"});
  return Milliseconds(total);
}

std::string durationText(Milliseconds value) {
  const auto millis = static_cast<uint64_t>(value.count());
  if (millis == 0) return "0s";
  const Unit* unit = &kTimeUnits[0];
  for (const Unit& larger : kTimeUnits) {
    if (millis % larger.factor == 0) unit = &larger;
  }
  return std::to_string(millis / unit->factor) + std::string(unit->name);
}

Spelt<Bytes> parseSize(std::string_view text) {
  if (text == "0") return Bytes{0};
  std::string_view rest = text;
  const Amount amount = takeAmount(rest);
  if (!amount.is_valid) return std::unexpected(wrongUnit(text, kSizeExpected, {}));
  if (rest.empty()) {
    const std::string respelt = amount.whole % 1024 == 0 && amount.whole != 0 ? sizeText(Bytes{amount.whole})
                                                                              : std::to_string(amount.whole) + "KiB";
    return std::unexpected(Misspelt{"the number " + quoted(text) + " has no unit", std::string(kSizeExpected),
                                    "write " + std::to_string(amount.whole) + "B or " + respelt});
  }
  const Unit* unit = findUnit(kSizeUnits, rest);
  if (unit == nullptr) return std::unexpected(wrongUnit(text, kSizeExpected, respellSize(amount, rest)));
  const std::optional<uint64_t> count = multiply(amount, unit->factor, kLargestSize);
  if (!count)
    return std::unexpected(Misspelt{quoted(text) + " is too large, or not whole bytes", "at most 1048576GiB"});
  return Bytes{*count};
}

std::string sizeText(Bytes value) {
  if (value.count == 0) return "0B";
  const Unit* unit = &kSizeUnits[0];
  for (size_t i = 1; i <= 3; ++i) {  // the binary units: B, KiB, MiB, GiB
    if (value.count % kSizeUnits[i].factor == 0) unit = &kSizeUnits[i];
  }
  return std::to_string(value.count / unit->factor) + std::string(unit->name);
}

}  // namespace remora::control
