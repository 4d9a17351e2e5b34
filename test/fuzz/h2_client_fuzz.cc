// A client's session with four requests open, whose server is any bytes behind its SETTINGS.
#include "h2_fuzz_peers.h"
#include "http/h2_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace std::string_view_literals;
  remora::fuzz::play(remora::http::H2Session::Role::kClient, "\0\0\0\4\0\0\0\0\0"sv,
                     {reinterpret_cast<const char*>(data), size});
  return 0;
}
