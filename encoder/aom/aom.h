#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

/* What the library has as macros. */
enum fl_constants {
  FL_ENCODER_ABI_VERSION = AOM_ENCODER_ABI_VERSION,
  FL_USAGE_REALTIME = AOM_USAGE_REALTIME,
  FL_FORCE_KEY_FRAME = AOM_EFLAG_FORCE_KF,
};
