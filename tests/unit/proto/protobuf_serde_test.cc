#include <weir/protobuf.h>

#include <gtest/gtest.h>

#include <weir/core/owned_bytes.h>
#include <weir/core/type_info.h>

#include "proto/services.pb.h"

namespace weir {
namespace {

struct Job {
  int64_t number = 0;
  proto::JobOverview overview;
  std::string note;
};

template <class T>
std::string Encoded(const T& value) {
  ByteWriter out;
  Serde<T>::Encode(value, out);
  return out.Take();
}

TEST(ProtobufSerdeTest, AMessageStandsAmongOtherFields) {
  Job job{7, {}, "x"};
  job.overview.set_name("counts");
  const std::string bytes = Encoded(job);
  ByteReader in(bytes);
  Job decoded;
  ASSERT_TRUE(TypeOf<Job>().schema() == "{number:i64,overview:serde<protobuf:weir.proto.JobOverview,1,1>,note:string}") << TypeOf<Job>().schema();
  ASSERT_TRUE(Serde<Job>::Decode(in, decoded));
  EXPECT_TRUE(in.AtEnd());
  EXPECT_EQ(decoded.overview.name(), "counts");
  EXPECT_EQ(decoded.note, "x");
  EXPECT_GE(internal::OwnedBytes(decoded), std::string("counts").size());
}

TEST(ProtobufSerdeTest, FieldsThatAreNotKnownStay) {
  proto::JobOverview overview;
  overview.set_name("counts");
  const std::string unknown = overview.SerializeAsString() + "\xfa\x3f\x01z";  // Field 1023: "z".
  ByteWriter saved;
  saved.PutString(unknown);
  ByteReader in(saved.view());
  proto::JobOverview decoded;
  ASSERT_TRUE(Serde<proto::JobOverview>::Decode(in, decoded));
  EXPECT_EQ(decoded.name(), "counts");
  EXPECT_EQ(Encoded(decoded), saved.view());
}

TEST(ProtobufSerdeTest, DamagedBytesDoNotDecode) {
  ByteWriter saved;
  saved.PutString("\xff\xff\xff");
  for (const std::string_view bytes : {saved.view(), saved.view().substr(0, 2)}) {
    ByteReader in(bytes);
    proto::JobOverview decoded;
    EXPECT_FALSE(Serde<proto::JobOverview>::Decode(in, decoded));
  }
}

}  // namespace
}  // namespace weir
