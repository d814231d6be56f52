#include "fold/lowering/lowerings.h"

#include <map>

#include "fold/lowering/lower_activations.h"
#include "fold/lowering/lower_attributes.h"
#include "fold/lowering/lower_batchnorm.h"
#include "fold/lowering/lower_constants.h"
#include "fold/lowering/lower_conv.h"
#include "fold/lowering/lower_conv_products.h"
#include "fold/lowering/lower_extremes.h"
#include "fold/lowering/lower_gemm.h"
#include "fold/lowering/lower_layer_norm.h"
#include "fold/lowering/lower_moves.h"
#include "fold/lowering/lower_pools.h"
#include "fold/lowering/lower_repeats.h"
#include "fold/lowering/lower_scale_order.h"
#include "fold/lowering/lower_scale_paths.h"
#include "fold/lowering/lower_shapes.h"
#include "fold/lowering/lower_shared_scales.h"
#include "fold/lowering/lower_variadic.h"

namespace dsperse {
namespace {

template <typename P>
const Pass* Instance() {
  static const P pass;
  return &pass;
}

}  // namespace

const std::vector<const Pass*>& Lowerings() {
  static const std::vector<const Pass*>& list = *new std::vector<const Pass*>{
      // Pools first: they make Convs that the Conv lowerings take on.
      Instance<LowerPoolOrder>(),
      Instance<LowerMaxPoolStrides>(),
      Instance<LowerAveragePoolStrides>(),
      Instance<LowerAveragePool>(),
      Instance<LowerGlobalAveragePool>(),
      Instance<LowerReduceMean>(),
      Instance<LowerReduceSum>(),
      Instance<LowerGlobalMaxPool>(),
      Instance<LowerPoolEdges>(),
      Instance<LowerUncountedPads>(),
      Instance<LowerBatchNorm>(),
      Instance<LowerScaleOrder>(),
      Instance<LowerConvAttributes>(),
      Instance<LowerConv1d>(),
      Instance<LowerDilatedConv>(),
      Instance<LowerGroupedConv>(),
      Instance<LowerConvTransposeAttributes>(),
      Instance<LowerGroupedConvTranspose>(),
      Instance<LowerMatMul>(),
      Instance<LowerGemmFactors>(),
      Instance<LowerGemmBias>(),
      Instance<LowerGelu>(),
      Instance<LowerLayerNorm>(),
      // Behind what makes divisions, before they become Convs.
      Instance<LowerScalePaths>(),
      Instance<LowerHardSigmoid>(),
      Instance<LowerPRelu>(),
      Instance<LowerAbs>(),
      Instance<LowerRelu>(),
      Instance<LowerPow>(),
      Instance<LowerDiv>(),
      Instance<LowerMax>(),
      Instance<LowerMin>(),
      Instance<LowerMaxTensor>(),
      Instance<LowerMaxWidth>(),
      Instance<LowerMinWidth>(),
      Instance<LowerSum>(),
      Instance<LowerConcat>(),
      Instance<LowerAddOrder>(),
      Instance<LowerMulOrder>(),
      Instance<LowerSubOrder>(),
      Instance<LowerMatMulBatches>(),
      Instance<LowerExpandAxes>(),
      Instance<LowerTile>(),
      Instance<LowerSoftmaxAxes>(),
      Instance<LowerResizeScales>(),
      Instance<LowerGatherAxis>(),
      Instance<LowerFlattenAxis>(),
      // Last: what these make is first offered to fusion, then lowered in the next round.
      Instance<LowerClip>(),
      Instance<LowerFactor>(),
      Instance<LowerOffset>(),
      Instance<LowerOffsetSub>(),
      Instance<LowerMaxBound>(),
      Instance<LowerMinBound>(),
      Instance<LowerJoin>(),
      Instance<LowerConvProducts>(),
      Instance<LowerSharedScales>(),
  };
  return list;
}

std::vector<LoweringInfo> LoweringsFor(const Target& target) {
  // Of the lowerings of more than one node.
  static const std::map<const Pass*, LoweringClass>& classes = *new std::map<const Pass*, LoweringClass>{
      {Instance<LowerPoolOrder>(), LoweringClass::kSame},
      {Instance<LowerScaleOrder>(), LoweringClass::kReRounded},
      {Instance<LowerScalePaths>(), LoweringClass::kReRounded},
      {Instance<LowerSharedScales>(), LoweringClass::kSame},
  };
  std::vector<LoweringInfo> list;
  for (const Pass* pass : Lowerings()) {
    if (pass == Instance<LowerConvProducts>() && !target.checks_products()) continue;
    if (const auto* lowering = dynamic_cast<const NodeLowering*>(pass)) {
      if (lowering->MayApply(target)) list.push_back({pass, lowering->lowering_class()});
      continue;
    }
    // Only JSTprove has constants at two scales (fixed_point.h).
    if (pass == Instance<LowerSharedScales>() && target.name() != "jstprove") continue;
    const auto found = classes.find(pass);
    list.push_back({pass, found == classes.end() ? LoweringClass::kReRounded : found->second});
  }
  return list;
}

}  // namespace dsperse
