// Another clock, host name and random seed for this process. Linking this file replaces functions of the C library for the whole
// program, job libraries included: for weir-worker only.
#pragma once

namespace weir {

// From now on the C library's clocks show another time, gethostname and uname another host, rand and its kin another
// sequence. What is really random differs anyway. Clocks go back, never forward: a wait for a moment that was read from them
// ends at once instead of never.
void UseOtherSurroundings();

}  // namespace weir
