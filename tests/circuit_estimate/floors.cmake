# The command line against the counts of the real tools, one run a backend. Needs the shared reference
# figures and a Python with nothing but its standard library.
find_package(Python3 COMPONENTS Interpreter)
set(check "${DSPERSE_SHARED_DIR}/tools/check_estimate.py")
set(truth "${DSPERSE_SHARED_DIR}/cost_truth/truth.json")
if(Python3_FOUND AND EXISTS "${check}" AND EXISTS "${truth}")
  set(parameters_jstprove_expander "--param chunk_bits=12 --param weights=constant")
  set(parameters_jstprove_remainder "--param observed_bits=@{observed_bits}")
  foreach(backend IN ITEMS ezkl_halo2 jstprove_expander jstprove_remainder r1cs_circom)
    add_test(
      NAME estimate_floor_${backend}
      COMMAND
        "${Python3_EXECUTABLE}" "${check}" "${truth}" --backend ${backend} --floor
        "${CMAKE_CURRENT_LIST_DIR}/floors.json" --cmd
        "$<TARGET_FILE:dsperse-slice> estimate --backend {backend} --json ${parameters_${backend}} {model}")
    set_tests_properties(estimate_floor_${backend} PROPERTIES LABELS fast)
  endforeach()
endif()
