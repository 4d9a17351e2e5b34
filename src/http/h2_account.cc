#include "http/h2_account.h"

#include <utility>

namespace remora::http {

void H2Accounts::add(H2Account& account) {
  if (!slots_ || size_ * 2 > mask_) grow();
  size_t i = slotOf(account.id);
  while (slots_[i]) i = (i + 1) & mask_;
  slots_[i] = &account;
  ++size_;
}

// What stands behind it moves up, so that no search stops too early.
void H2Accounts::remove(H2Account& account) {
  size_t hole = slotOf(account.id);
  while (slots_[hole] != &account) hole = (hole + 1) & mask_;
  slots_[hole] = nullptr;
  --size_;
  for (size_t i = (hole + 1) & mask_; slots_[i]; i = (i + 1) & mask_) {
    const size_t home = slotOf(slots_[i]->id);
    const bool stays = ((i - home) & mask_) < ((i - hole) & mask_);
    if (stays) continue;
    slots_[hole] = std::exchange(slots_[i], nullptr);
    hole = i;
  }
}

void H2Accounts::grow() {
  const size_t old_count = slots_ ? mask_ + 1 : 0;
  auto old = std::exchange(slots_, std::make_unique<H2Account*[]>(old_count ? old_count * 2 : 8));
  mask_ = (old_count ? old_count * 2 : 8) - 1;
  size_ = 0;
  for (size_t i = 0; i < old_count; ++i) {
    if (old[i]) add(*old[i]);
  }
}

}  // namespace remora::http
