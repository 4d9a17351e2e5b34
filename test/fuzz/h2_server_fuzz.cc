// A server's session, whose client is any bytes behind a good preface.
#include "h2_fuzz_peers.h"
#include "http/h2_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace std::string_view_literals;
  remora::fuzz::play(remora::http::H2Session::Role::kServer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"sv,
                     {reinterpret_cast<const char*>(data), size});
  return 0;
}
