#include <cstdio>

int main() {
  std::puts("dsperse-slice " DSPERSE_VERSION);
  return 0;
}
