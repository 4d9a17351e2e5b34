#include "control/http2_reader.h"

namespace remora::control {

void readHttp2(ConfigReader& reader, const Place& place, model::Http2Options& http2) {
  Fields fields(reader, place, kHttp2Spec);
  if (!fields.isOpen()) return;
  fields.read("streams", http2.streams);
  fields.read("stream_window", http2.stream_window);
  fields.read("connection_window", http2.connection_window);
  fields.read("unsent", http2.unsent);
  fields.read("resets", http2.resets);
  fields.read("control_frames", http2.control_frames);
  fields.read("continuations", http2.continuations);
  fields.read("ping", http2.ping);
  fields.read("ping_timeout", http2.ping_timeout);
  if (http2.stream_window > http2.connection_window) {
    reader.error(place,
                 "the window of a stream (" + sizeText(http2.stream_window) +
                     ") is larger than that of its connection (" + sizeText(http2.connection_window) + ")",
                 "a stream_window of at most connection_window");
  }
}

}  // namespace remora::control
