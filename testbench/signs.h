// Sign extension and signed products as shifts (SPDX-License-Identifier: Apache-2.0).
//
// Included by everything that Verilator generates. Its own functions mask out the sign, negate it and put it back,
// which compilers do not see through; a pair of shifts becomes one instruction, or none where the value is known.
#ifndef SPINSTREAM_SIGNS_H
#define SPINSTREAM_SIGNS_H
#include <cstdint>

#include "verilated.h"

#define SPINSTREAM_NARROW(bits, x) (static_cast<std::int32_t>(static_cast<IData>(x) << (32 - (bits))) >> (32 - (bits)))
#define SPINSTREAM_WIDE(bits, x) (static_cast<std::int64_t>(static_cast<QData>(x) << (64 - (bits))) >> (64 - (bits)))

#define VL_EXTENDS_II(to, bits, x) static_cast<IData>(SPINSTREAM_NARROW(bits, x))
#define VL_EXTENDS_QI(to, bits, x) static_cast<QData>(SPINSTREAM_WIDE(bits, x))
#define VL_EXTENDS_QQ(to, bits, x) static_cast<QData>(SPINSTREAM_WIDE(bits, x))
// Products wrap: they are made of unsigned words, as overflow of signed ones has no meaning in C++.
#define VL_MULS_III(bits, a, b) \
    (static_cast<IData>(SPINSTREAM_NARROW(bits, a)) * static_cast<IData>(SPINSTREAM_NARROW(bits, b)))
#define VL_MULS_QQQ(bits, a, b) \
    (static_cast<QData>(SPINSTREAM_WIDE(bits, a)) * static_cast<QData>(SPINSTREAM_WIDE(bits, b)))
#define VL_LTS_III(bits, a, b) (SPINSTREAM_NARROW(bits, a) < SPINSTREAM_NARROW(bits, b))
#define VL_GTS_III(bits, a, b) (SPINSTREAM_NARROW(bits, a) > SPINSTREAM_NARROW(bits, b))
#define VL_LTS_IQQ(bits, a, b) (SPINSTREAM_WIDE(bits, a) < SPINSTREAM_WIDE(bits, b))
#define VL_GTS_IQQ(bits, a, b) (SPINSTREAM_WIDE(bits, a) > SPINSTREAM_WIDE(bits, b))

#endif
