// How the library gets and gives ciphertext: from and to the core's CipherMemory, never a descriptor.
#pragma once

#include "tls/cipher_memory.h"
#include "tls/handles.h"

namespace remora::tls {

// `ssl` then reads what memory.unread holds and appends to memory.sealed. The memory must outlive it.
void attachMemory(ssl_st& ssl, CipherMemory& memory);

}  // namespace remora::tls
