#include "deri/ecg/device_fields.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

TEST(LeadLabel, PrefixesGoWhereALeadFollows) {
  for (const char* label : {"aVR", " AVR ", "ECG aVR", "EKG_avr", "Lead aVR", "ECG Lead aVR", "MDC_ECG_LEAD_aVR",
                            "MDC_ECG_LEAD_AVR", "ecg-aVR"})
    EXPECT_EQ(lead_from_label(label), "aVR") << label;
  EXPECT_EQ(lead_from_label("ECG V1"), "V1");
  EXPECT_EQ(lead_from_label("ECG II"), "II");
}

TEST(LeadLabel, OtherLabelsStay) {
  for (const char* label : {"ECG", "ECG 1", "ECGI", "Resp", "ECG ", "leading", "", "V10"})
    EXPECT_EQ(lead_from_label(label), std::string(label).substr(0, std::string(label).find_last_not_of(' ') + 1));
}

TEST(DeviceText, IsValidUtf8) {
  EXPECT_EQ(device_text(" sinus  rhythm \n"), "sinus  rhythm");
  EXPECT_EQ(device_text("a\tb"), "a?b");
  EXPECT_EQ(device_text("Sch\xC3\xBCler"), "Sch\xC3\xBCler");
  EXPECT_EQ(device_text("Sch\xFCler"), "Sch\xC3\xBCler");
  for (const char* wrong : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8", "\xE2\x82", "\x80"})
    EXPECT_EQ(device_text(wrong).size(), 2 * std::string(wrong).size()) << wrong;  // as Latin-1
  EXPECT_EQ(device_text(std::string_view("one\0two", 7)), "one");
}

TEST(IsoTime, IsAsWritten) {
  using namespace std::chrono;
  EXPECT_EQ(iso_time(sys_days(year(2014) / 3 / 1) + hours(10) + minutes(2) + seconds(3)), "2014-03-01T10:02:03");
  EXPECT_EQ(iso_time(sys_days(year(1931) / 12 / 31) + hours(23)), "1931-12-31T23:00:00");
}

TEST(AgeBetween, YearsOfAPerson) {
  using namespace std::chrono;
  EXPECT_NEAR(age_between(sys_days(year(1950) / 1 / 1), sys_days(year(2000) / 1 / 1)).value_or(0), 50, 0.01);
  EXPECT_EQ(age_between(sys_days(year(2001) / 1 / 1), sys_days(year(2000) / 1 / 1)), std::nullopt);
  EXPECT_EQ(age_between(sys_days(year(1800) / 1 / 1), sys_days(year(2000) / 1 / 1)), std::nullopt);
}

}  // namespace
}  // namespace deri
