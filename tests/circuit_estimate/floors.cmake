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

# Counts for small networks must be those of the committed table.
if(Python3_FOUND AND TARGET make_model)
  add_test(
    NAME constraint_table
    COMMAND
      "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/bench/constraint_table.py" --check --programs
      "$<TARGET_FILE_DIR:dsperse-slice>" "${PROJECT_SOURCE_DIR}/bench/constraint_table.json")
  set_tests_properties(constraint_table PROPERTIES LABELS fast)
endif()

# And the tables of the documentation those of a run over the reference figures.
if(Python3_FOUND AND EXISTS "${truth}")
  add_test(
    NAME cost_model_tables
    COMMAND
      "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/bench/cost_model_tables.py" --check --program
      "$<TARGET_FILE:dsperse-slice>" --truth "${truth}" "${PROJECT_SOURCE_DIR}/docs/cost_models.md")
  set_tests_properties(cost_model_tables PROPERTIES LABELS fast)
endif()
