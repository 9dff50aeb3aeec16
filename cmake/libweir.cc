// libweir.so is made of the libraries of floors 0 to 4; see WeirFloors.cmake.
