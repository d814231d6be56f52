#include "fold/ir/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fold/ir/status_macros.h"

namespace dsperse {

// W[outer][channel][inner] · factors[channel].
struct Tensor::Scaling {
  Tensor base;
  int64_t channels = 0;
  int64_t inner = 0;
  std::vector<double> factors;  // `channels` of them
};

namespace {

// Inlined into the variants of a function for several kinds of processor, and compiled for each.
#define DSPERSE_IN_ALL_VARIANTS __attribute__((always_inline)) inline

template <typename S, typename D>
DSPERSE_IN_ALL_VARIANTS D Scale(S value, double factor) {
  return static_cast<D>(static_cast<double>(value) * factor);
}

// The exponent of infinities and NaNs: all ones.
template <typename T> struct Exponent;
template <> struct Exponent<float> { using Bits = uint32_t; static constexpr Bits kOnes = 0x7f800000; };
template <> struct Exponent<double> {
  using Bits = uint64_t;
  static constexpr Bits kOnes = 0x7ff0000000000000;
};
template <> struct Exponent<Float16> { using Bits = uint16_t; static constexpr Bits kOnes = 0x7c00; };
template <> struct Exponent<Bfloat16> { using Bits = uint16_t; static constexpr Bits kOnes = 0x7f80; };

// Is one of `count` values not finite? Integer operations, which compilers turn into vector code.
template <typename T>
DSPERSE_IN_ALL_VARIANTS bool AnyNonFinite(const T* values, int64_t count) {
  using Bits = typename Exponent<T>::Bits;
  Bits bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof bits);
    bad |= static_cast<Bits>((bits & Exponent<T>::kOnes) == Exponent<T>::kOnes);
  }
  return bad != 0;
}

// out[i] = in[i] · factor(i) for elements [*first, count), as many blocks as there are. Of constant length and
// into a local array, as `in` and `out` may be the same place: what compilers turn into vector code without options.
// Elements are read one by one, not as an array of their own: wide reads of what was just written in narrower pieces
// would wait for the writes.
template <int64_t kBlock, typename S, typename D, typename Factor>
DSPERSE_IN_ALL_VARIANTS bool ScaleBlocks(const char* in, char* out, int64_t count, Factor factor, int64_t* first) {
  bool finite = true;
  int64_t i = *first;
  for (; i + kBlock <= count; i += kBlock) {
    D result[kBlock];
    for (int64_t k = 0; k < kBlock; ++k) {
      S source;
      std::memcpy(&source, in + (i + k) * static_cast<int64_t>(sizeof(S)), sizeof(S));
      result[k] = Scale<S, D>(source, factor(i + k));
    }
    std::memcpy(out + i * static_cast<int64_t>(sizeof(D)), result, sizeof result);
    finite &= !AnyNonFinite(result, kBlock);
  }
  *first = i;
  return finite;
}

template <typename S, typename D, typename Factor>
DSPERSE_IN_ALL_VARIANTS bool ScaleElements(const char* in, char* out, int64_t count, Factor factor) {
  int64_t i = 0;
  bool finite = ScaleBlocks<64, S, D>(in, out, count, factor, &i);
  finite &= ScaleBlocks<16, S, D>(in, out, count, factor, &i);
  return finite & ScaleBlocks<1, S, D>(in, out, count, factor, &i);
}

// Scales elements [first, first + count) of a tensor whose source type is S and result type D. False if a
// result is not finite.
template <typename S, typename D>
DSPERSE_IN_ALL_VARIANTS bool ScaleRun(const char* in, char* out, int64_t first, int64_t count,
                                      int64_t channels, int64_t inner, const double* factors) {
  int64_t channel = (first / inner) % channels;
  int64_t left = inner == 1 ? channels - channel : inner - first % inner;
  bool finite = true;
  while (count > 0) {
    const int64_t run = std::min(left, count);
    if (inner == 1) {  // a factor for each element, up to the last channel
      const double* const factor = factors + channel;
      finite &= ScaleElements<S, D>(in, out, run, [=](int64_t i) { return factor[i]; });
      channel = 0;
      left = channels;
    } else {  // one factor, up to the next channel
      const double factor = factors[channel];
      finite &= ScaleElements<S, D>(in, out, run, [=](int64_t) { return factor; });
      if (++channel == channels) channel = 0;
      left = inner;
    }
    in += run * static_cast<int64_t>(sizeof(S));
    out += run * static_cast<int64_t>(sizeof(D));
    count -= run;
  }
  return finite;
}

#if defined(__x86_64__)
// The same operations on twice as many elements at a time: no bit of a result differs.
__attribute__((target("avx2"))) bool ScaleFloatsWide(const char* in, char* out, int64_t first, int64_t count,
                                                     int64_t channels, int64_t inner,
                                                     const double* factors) {
  return ScaleRun<float, float>(in, out, first, count, channels, inner, factors);
}
bool HasWide() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}
#endif

template <typename S, typename D>
bool ScaleBest(const char* in, char* out, int64_t first, int64_t count, int64_t channels, int64_t inner,
               const double* factors) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<S, float> && std::is_same_v<D, float>) {
    if (HasWide()) return ScaleFloatsWide(in, out, first, count, channels, inner, factors);
  }
#endif
  return ScaleRun<S, D>(in, out, first, count, channels, inner, factors);
}

template <typename F>
void DispatchFloat(DType type, F&& f) {
  switch (type) {
    case DType::kDouble: return f(TypeTag<double>{});
    case DType::kFloat16: return f(TypeTag<Float16>{});
    case DType::kBfloat16: return f(TypeTag<Bfloat16>{});
    default: return f(TypeTag<float>{});
  }
}

// Bytes of a tensor that isn't in memory and is listed all the same: a uniform one may claim any size.
constexpr int64_t kMostListed = int64_t{1} << 30;

// A bool of C++ may only be 0 or 1; a file may hold anything.
void NormalizeBools(DType type, std::string* bytes) {
  if (type != DType::kBool) return;
  for (char& c : *bytes) c = c != 0 ? 1 : 0;
}

}  // namespace

absl::StatusOr<Tensor> Tensor::Shell(DType type, Dims dims) {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(dims));
  const int bits = BitWidth(type);
  if (bits == 0 && type != DType::kString) {
    return absl::InvalidArgumentError("tensor of undefined type");
  }
  int64_t bytes = 0;
  if (bits >= 8) {
    if (__builtin_mul_overflow(count, int64_t{bits / 8}, &bytes)) {
      return absl::InvalidArgumentError(
          absl::StrCat("dimensions ", DimsToString(dims), " overflow 64 bits"));
    }
  } else if (bits == 4) {
    bytes = count / 2 + count % 2;
  }
  Tensor tensor;
  tensor.type_ = type;
  tensor.dims_ = std::move(dims);
  tensor.count_ = count;
  tensor.bytes_ = bytes;
  return tensor;
}

std::shared_ptr<const char> Tensor::Own(std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const char* const data = owner->data();
  return std::shared_ptr<const char>(std::move(owner), data);
}

absl::Status Tensor::WrongSize(size_t size) const {
  return absl::InvalidArgumentError(absl::StrCat(DTypeName(type_), " tensor of shape ",
                                                 DimsToString(dims_), " needs ", bytes_,
                                                 " bytes of payload, not ", size));
}

absl::StatusOr<Tensor> Tensor::FromBytes(DType type, Dims dims, std::string bytes) {
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(type, std::move(dims)));
  if (static_cast<int64_t>(bytes.size()) != tensor.bytes_ || type == DType::kString) {
    return tensor.WrongSize(bytes.size());
  }
  NormalizeBools(type, &bytes);
  tensor.data_ = Own(std::move(bytes));
  return tensor;
}

absl::StatusOr<Tensor> Tensor::FromShared(DType type, Dims dims, absl::string_view bytes,
                                          std::shared_ptr<const void> owner) {
  const bool normal = type != DType::kBool || std::all_of(bytes.begin(), bytes.end(), [](char c) {
                        return c == 0 || c == 1;
                      });
  if (!normal || type == DType::kString) return FromBytes(type, std::move(dims), std::string(bytes));
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(type, std::move(dims)));
  if (static_cast<int64_t>(bytes.size()) != tensor.bytes_) return tensor.WrongSize(bytes.size());
  tensor.data_ = std::shared_ptr<const char>(std::move(owner), bytes.data());
  return tensor;
}

absl::StatusOr<Tensor> Tensor::Uniform(DType type, Dims dims, absl::string_view element) {
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(type, std::move(dims)));
  if (BitWidth(type) < 8 || element.size() != static_cast<size_t>(BitWidth(type) / 8)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an element of type ", DTypeName(type), " has not ", element.size(), " bytes"));
  }
  tensor.kind_ = Kind::kUniform;
  tensor.data_ = Own(std::string(element));
  return tensor;
}

absl::StatusOr<Tensor> Tensor::FromSpan(DType type, Dims dims,
                                        std::shared_ptr<const ByteSource> source, uint64_t offset) {
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(type, std::move(dims)));
  tensor.kind_ = Kind::kSpan;
  tensor.source_ = std::move(source);
  tensor.offset_ = offset;
  return tensor;
}

absl::StatusOr<Tensor> Tensor::FromStrings(Dims dims, std::vector<std::string> strings) {
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(DType::kString, std::move(dims)));
  if (static_cast<int64_t>(strings.size()) != tensor.count_) {
    return absl::InvalidArgumentError(absl::StrCat("string tensor of shape ",
                                                   DimsToString(tensor.dims_), " holds ",
                                                   strings.size(), " strings"));
  }
  for (const std::string& s : strings) tensor.bytes_ += static_cast<int64_t>(s.size());
  tensor.kind_ = Kind::kStrings;
  tensor.strings_ = std::make_shared<const std::vector<std::string>>(std::move(strings));
  return tensor;
}

absl::StatusOr<Tensor> Tensor::Scaled(const Tensor& base, int axis, std::vector<double> factors,
                                      DType type) {
  if (type == DType::kUndefined) type = base.type_;
  if (!IsFloat(base.type_) || !IsFloat(type)) {
    return absl::InvalidArgumentError(
        absl::StrCat("only float tensors can be scaled, not ", DTypeName(base.type_)));
  }
  if (axis < 0 || axis >= base.rank() ||
      base.dims_[axis] != static_cast<int64_t>(factors.size())) {
    return absl::InvalidArgumentError(absl::StrCat(factors.size(), " factors do not fit axis ", axis,
                                                   " of shape ", DimsToString(base.dims_)));
  }
  DSPERSE_ASSIGN_OR_RETURN(Tensor tensor, Shell(type, base.dims_));
  auto scaling = std::make_shared<Scaling>();
  scaling->base = base;
  scaling->channels = base.dims_[axis];
  scaling->inner = 1;
  // Of an empty tensor no element is looked at, and the other sizes may be anything.
  for (int i = axis + 1; i < base.rank() && base.count_ > 0; ++i) scaling->inner *= base.dims_[i];
  scaling->factors = std::move(factors);
  tensor.kind_ = Kind::kScaled;
  tensor.scaling_ = std::move(scaling);
  return tensor;
}

absl::Status Tensor::Read(int64_t offset, absl::Span<char> out) const {
  bool finite = true;
  return Read(offset, out, &finite);
}

absl::Status Tensor::ReadToWrite(int64_t offset, absl::Span<char> out) const {
  bool finite = true;
  DSPERSE_RETURN_IF_ERROR(Read(offset, out, &finite));
  if (finite) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("a ", DTypeName(type_), " tensor of shape ",
                                            DimsToString(dims_),
                                            " is not finite when its factors are applied"));
}

absl::Status Tensor::Read(int64_t offset, absl::Span<char> out, bool* finite) const {
  const int64_t size = static_cast<int64_t>(out.size());
  if (offset < 0 || offset > bytes_ || size > bytes_ - offset || kind_ == Kind::kStrings) {
    return absl::InternalError(absl::StrCat("read of ", size, " bytes at ", offset,
                                            " from a tensor of ", bytes_, " bytes"));
  }
  if (size == 0) return absl::OkStatus();
  switch (kind_) {
    case Kind::kBytes:
      std::memcpy(out.data(), data_.get() + offset, out.size());
      return absl::OkStatus();
    case Kind::kUniform: {
      const int64_t width = static_cast<int64_t>(uniform_element().size());
      const int64_t head = std::min(width, size);
      for (int64_t i = 0; i < head; ++i) out[i] = data_.get()[(offset + i) % width];
      for (int64_t done = head; done < size;) {  // what is there, again; doubling
        const int64_t n = std::min(done / width * width, size - done);
        std::memcpy(out.data() + done, out.data(), static_cast<size_t>(n));
        done += n;
      }
      return absl::OkStatus();
    }
    case Kind::kSpan:
      return source_->Read(offset_ + static_cast<uint64_t>(offset), out);
    case Kind::kScaled:
      break;
    case Kind::kStrings:
      return absl::InternalError("read of a string tensor's bytes");
  }
  const Scaling& s = *scaling_;
  const int64_t width = BitWidth(type_) / 8;
  const int64_t source_width = BitWidth(s.base.type_) / 8;
  if (offset % width != 0 || size % width != 0) {
    return absl::InternalError("unaligned read of a scaled tensor");
  }
  const int64_t count = size / width;
  const int64_t first = offset / width;
  if (width == source_width) {
    DSPERSE_RETURN_IF_ERROR(s.base.Read(offset, out, finite));
    DispatchFloat(type_, [&](auto d) {
      using D = typename decltype(d)::type;
      DispatchFloat(s.base.type_, [&](auto b) {
        using S = typename decltype(b)::type;
        *finite &= ScaleBest<S, D>(out.data(), out.data(), first, count, s.channels, s.inner,
                                   s.factors.data());
      });
    });
    return absl::OkStatus();
  }
  constexpr int64_t kChunk = 1 << 15;  // elements converted at a time
  std::string buffer;
  for (int64_t done = 0; done < count;) {
    const int64_t n = std::min(kChunk, count - done);
    buffer.resize(static_cast<size_t>(n * source_width));
    DSPERSE_RETURN_IF_ERROR(s.base.Read((first + done) * source_width,
                                        absl::MakeSpan(buffer.data(), buffer.size()), finite));
    DispatchFloat(type_, [&](auto d) {
      using D = typename decltype(d)::type;
      DispatchFloat(s.base.type_, [&](auto b) {
        using S = typename decltype(b)::type;
        *finite &= ScaleBest<S, D>(buffer.data(), out.data() + done * width, first + done, n,
                                   s.channels, s.inner, s.factors.data());
      });
    });
    done += n;
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Tensor::Load(int64_t max_bytes) const {
  if (kind_ == Kind::kBytes) return *this;
  if (kind_ == Kind::kStrings) return absl::UnimplementedError("string tensors are not loaded");
  if (bytes_ > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("a tensor of shape ", DimsToString(dims_),
                                                     " has ", bytes_, " bytes, more than the ",
                                                     max_bytes, " allowed"));
  }
  std::string bytes(static_cast<size_t>(bytes_), '\0');
  DSPERSE_RETURN_IF_ERROR(Read(0, absl::MakeSpan(bytes.data(), bytes.size())));
  NormalizeBools(type_, &bytes);
  Tensor tensor;
  tensor.type_ = type_;
  tensor.dims_ = dims_;
  tensor.count_ = count_;
  tensor.bytes_ = bytes_;
  tensor.data_ = Own(std::move(bytes));
  return tensor;
}

absl::StatusOr<Tensor> Tensor::WithDims(Dims dims) const {
  DSPERSE_ASSIGN_OR_RETURN(const int64_t count, NumElements(dims));
  if (count != count_) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", DimsToString(dims), " has ", count,
                                                   " elements, ", DimsToString(dims_), " has ",
                                                   count_));
  }
  Tensor tensor = *this;  // a scaled payload keeps its channels: they are tied to the base's dims
  tensor.dims_ = std::move(dims);
  return tensor;
}

absl::StatusOr<Tensor> Tensor::Rows(int64_t begin, int64_t end) const {
  if (dims_.empty() || begin < 0 || begin > end || end > dims_[0]) {
    return absl::InvalidArgumentError(absl::StrCat("no rows ", begin, " to ", end, " in shape ",
                                                   DimsToString(dims_)));
  }
  if (BitWidth(type_) < 8) {
    return absl::UnimplementedError(absl::StrCat("rows of a ", DTypeName(type_), " tensor"));
  }
  Dims dims = dims_;
  dims[0] = end - begin;
  DSPERSE_ASSIGN_OR_RETURN(Tensor out, Shell(type_, std::move(dims)));
  const int64_t row_bytes = dims_[0] == 0 ? 0 : bytes_ / dims_[0];
  out.kind_ = kind_;
  switch (kind_) {
    case Kind::kUniform:
      out.data_ = data_;
      return out;
    case Kind::kSpan:
      out.source_ = source_;
      out.offset_ = offset_ + static_cast<uint64_t>(begin * row_bytes);
      return out;
    case Kind::kScaled:
      if (scaling_->base.dims_ == dims_) {
        // Of factors along axis 0, its own only: a copy of all for each of a thousand rows is a million.
        const bool along_rows = scaling_->channels == dims_[0] && scaling_->channels * scaling_->inner == count_;
        const int64_t first = along_rows ? begin : 0;
        auto scaling = std::make_shared<Scaling>();
        DSPERSE_ASSIGN_OR_RETURN(scaling->base, scaling_->base.Rows(begin, end));
        scaling->channels = along_rows ? end - begin : scaling_->channels;
        scaling->inner = scaling_->inner;
        scaling->factors.assign(scaling_->factors.begin() + first,
                                scaling_->factors.begin() + first + scaling->channels);
        out.scaling_ = std::move(scaling);
        return out;
      }
      [[fallthrough]];
    default: {
      std::string bytes(static_cast<size_t>(out.bytes_), '\0');
      DSPERSE_RETURN_IF_ERROR(Read(begin * row_bytes, absl::MakeSpan(bytes.data(), bytes.size())));
      return FromBytes(type_, out.dims_, std::move(bytes));
    }
  }
}

absl::StatusOr<bool> SameBits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (a.dtype() == DType::kString) return a.strings() == b.strings();
  constexpr int64_t kChunk = 1 << 16;
  std::string x, y;
  for (int64_t offset = 0; offset < a.num_bytes();) {
    const int64_t n = std::min(kChunk, a.num_bytes() - offset);
    x.resize(static_cast<size_t>(n));
    y.resize(static_cast<size_t>(n));
    DSPERSE_RETURN_IF_ERROR(a.Read(offset, absl::MakeSpan(x.data(), x.size())));
    DSPERSE_RETURN_IF_ERROR(b.Read(offset, absl::MakeSpan(y.data(), y.size())));
    if (x != y) return false;
    offset += n;
  }
  return true;
}

absl::StatusOr<std::vector<double>> ToDoubles(const Tensor& tensor) {
  if (!tensor.in_memory()) {
    DSPERSE_ASSIGN_OR_RETURN(const Tensor in_memory, tensor.Load(kMostListed));
    return ToDoubles(in_memory);
  }
  std::vector<double> out;
  out.reserve(static_cast<size_t>(tensor.num_elements()));
  const bool ok = DispatchDType(
      tensor.dtype(),
      [&](auto tag) {
        using T = typename decltype(tag)::type;
        for (const T& v : tensor.data<T>()) {
          const double d = static_cast<double>(v);
          if constexpr (sizeof(T) == 8 && std::is_integral_v<T>) {
            constexpr int64_t kExact = int64_t{1} << 53;
            if (v > static_cast<T>(kExact)) return false;
            if constexpr (std::is_signed_v<T>) {
              if (v < -kExact) return false;
            }
          }
          out.push_back(d);
        }
        return true;
      },
      [] { return false; });
  if (!ok) {
    return absl::InvalidArgumentError(
        absl::StrCat(DTypeName(tensor.dtype()), " tensor does not convert to double exactly"));
  }
  return out;
}

absl::StatusOr<std::vector<int64_t>> ToInts(const Tensor& tensor) {
  DSPERSE_ASSIGN_OR_RETURN(const Tensor loaded, tensor.Load(kMostListed));
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(tensor.num_elements()));
  const bool ok = DispatchDType(
      tensor.dtype(),
      [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_integral_v<T>) {
          for (T v : loaded.data<T>()) {
            if constexpr (std::is_same_v<T, uint64_t>) {
              if (v > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
            }
            out.push_back(static_cast<int64_t>(v));
          }
          return true;
        } else {
          return false;
        }
      },
      [] { return false; });
  if (!ok) {
    return absl::InvalidArgumentError(
        absl::StrCat(DTypeName(tensor.dtype()), " tensor does not convert to int64 exactly"));
  }
  return out;
}

}  // namespace dsperse
