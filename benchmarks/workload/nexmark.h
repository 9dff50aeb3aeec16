// NXD-1: events in the shape of Nexmark's, each a function of seed and event number alone, integers only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "benchmarks/workload/digest.h"

namespace weir::bench {

enum class EventKind : int64_t { kPerson = 0, kAuction = 1, kBid = 2 };

// One cache line. A field has the meaning that its event's kind gives it; those that a kind does not name are 0.
struct Event {
  EventKind kind;
  int64_t timestamp_ms;
  int64_t id;        // Of the person or auction; of the auction that a bid is for.
  int64_t party;     // Person: name. Auction: seller. Bid: bidder.
  int64_t price;     // Person: city. Auction: initial bid. Bid: price.
  int64_t category;  // Person: state. Auction: category. Bid: channel.
  int64_t reserve;   // Of an auction.
  int64_t expires;   // Of an auction.
};

class NexmarkGenerator {
 public:
  using Record = Event;
  static constexpr int64_t kFirstTimestampMs = 1'600'000'000'000;
  static constexpr uint64_t kEventsPerSecond = 10'000;

  explicit NexmarkGenerator(uint64_t seed) : base_(seed * 0x2545F4914F6CDD1DULL) {}

  Event Make(uint64_t n) const {
    const uint64_t place = n % kCycle;
    if (place == 0) return Person(n);
    return place <= kAuctionsPerCycle ? Auction(n, place) : Bid(n, place);
  }
  static int64_t TimestampMs(uint64_t n) { return kFirstTimestampMs + static_cast<int64_t>(n * 1'000 / kEventsPerSecond); }

 private:
  static constexpr uint64_t kCycle = 50;  // One person, three auctions, 46 bids.
  static constexpr uint64_t kAuctionsPerCycle = 3;
  static constexpr int64_t kFirstId = 1'000;
  static constexpr int64_t kHotRange = 100;  // One hot seller, bidder and auction in so many.
  static constexpr int64_t kActivePersons = 1'000;

  int64_t Draw(uint64_t n, uint64_t k) const { return static_cast<int64_t>(Mix64(base_ + n * 32 + k) >> 1); }
  int64_t Price(uint64_t n, uint64_t k) const {
    constexpr std::array<int64_t, 6> kPowers = {1, 10, 100, 1'000, 10'000, 100'000};
    return kPowers[static_cast<size_t>(Draw(n, k) % 6)] * (100 + Draw(n, k + 1) % 900);
  }
  static int64_t LastPerson(uint64_t n) { return static_cast<int64_t>(n / kCycle); }
  static int64_t LastAuction(uint64_t n, uint64_t place) {
    const int64_t first = static_cast<int64_t>(n / kCycle * kAuctionsPerCycle);
    return first + static_cast<int64_t>(std::min(place, kAuctionsPerCycle)) - 1;
  }
  int64_t ActivePerson(uint64_t n, uint64_t k) const {
    const int64_t persons = LastPerson(n) + 1;
    const int64_t active = std::min(persons, kActivePersons);
    return persons - active + Draw(n, k) % (active + 10);
  }

  Event Person(uint64_t n) const {
    return {EventKind::kPerson, TimestampMs(n), kFirstId + LastPerson(n), Draw(n, 0) % 99, Draw(n, 1) % 10, Draw(n, 2) % 6, 0, 0};
  }
  Event Auction(uint64_t n, uint64_t place) const {
    const int64_t timestamp = TimestampMs(n);
    const int64_t seller = Draw(n, 0) % 4 > 0 ? LastPerson(n) / kHotRange * kHotRange : ActivePerson(n, 1);
    const int64_t initial_bid = Price(n, 3);
    const int64_t horizon = std::max<int64_t>(2 * (TimestampMs(n + 1'666) - timestamp), 1);
    return {EventKind::kAuction, timestamp,           kFirstId + LastAuction(n, place), kFirstId + seller,
            initial_bid,         10 + Draw(n, 2) % 5, initial_bid + Price(n, 5),        timestamp + 1 + Draw(n, 7) % horizon};
  }
  Event Bid(uint64_t n, uint64_t place) const {
    const int64_t last = LastAuction(n, place);
    const int64_t oldest = std::max<int64_t>(last - kHotRange, 0);
    const int64_t auction = Draw(n, 0) % 2 > 0 ? last / kHotRange * kHotRange : oldest + Draw(n, 1) % (last - oldest + 11);
    const int64_t bidder = Draw(n, 2) % 4 > 0 ? LastPerson(n) / kHotRange * kHotRange + 1 : ActivePerson(n, 3);
    const int64_t draw = Draw(n, 6);
    const int64_t channel = draw % 2 > 0 ? (draw >> 1) % 4 : 4 + (draw >> 1) % 10'000;
    return {EventKind::kBid, TimestampMs(n), kFirstId + auction, kFirstId + bidder, Price(n, 4), channel, 0, 0};
  }

  uint64_t base_;
};

// ---- Queries over single events: whether one yields a row, and the row's hash ----

struct Query0 {  // Every bid.
  static bool Selects(const Event& event) { return event.kind == EventKind::kBid; }
  static uint64_t Hash(const Event& bid) { return RowHash(0, bid.id, bid.party, bid.price, bid.timestamp_ms, bid.category); }
};
struct Query1 {  // Prices in another currency.
  static bool Selects(const Event& event) { return event.kind == EventKind::kBid; }
  static uint64_t Hash(const Event& bid) { return RowHash(1, bid.id, bid.party, bid.price * 908 / 1'000, bid.timestamp_ms); }
};
struct Query2 {  // Bids for some auctions.
  static bool Selects(const Event& event) { return event.kind == EventKind::kBid && event.id % 123 == 0; }
  static uint64_t Hash(const Event& bid) { return RowHash(2, bid.id, bid.price); }
};

}  // namespace weir::bench
