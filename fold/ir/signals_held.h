// Keeps signals from a thread for a while, or from a thread that is started meanwhile for good.
#ifndef DSPERSE_FOLD_IR_SIGNALS_HELD_H_
#define DSPERSE_FOLD_IR_SIGNALS_HELD_H_

#include <pthread.h>
#include <signal.h>

namespace dsperse {

// No signal arrives in the present thread while it lives: what arrives for the process waits, unless another
// thread takes it. So a step that a handler must see whole (a file made and noted for removal) is whole only
// if all other threads were started under a SignalsHeld of their own.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

}  // namespace dsperse

#endif  // DSPERSE_FOLD_IR_SIGNALS_HELD_H_
