//! The picture parameter set: the one number of it that matters here.

use super::bits::{BitReader, unescape};

/// `26 + pic_init_qp_minus26` of a PPS NAL unit (no start code; H.264, 7.3.2.2).
pub(crate) fn init_qp(nal: &[u8]) -> Option<i32> {
    let mut rbsp = [0; 64];
    let length = unescape(nal.get(1..)?, &mut rbsp);
    let mut r = BitReader::new(rbsp.get(..length)?);
    r.ue()?; // pic_parameter_set_id
    r.ue()?; // seq_parameter_set_id
    r.bits(2)?; // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    if r.ue()? != 0 {
        return None; // slice groups: x264 makes none
    }
    r.ue()?; // num_ref_idx_l0_default_active_minus1
    r.ue()?; // num_ref_idx_l1_default_active_minus1
    r.bits(3)?; // weighted_pred_flag, weighted_bipred_idc
    r.se()?.checked_add(26)
}

#[cfg(test)]
mod tests {
    use super::super::{BitWriter, escape};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_qp_is_found(id in 0u32..256, references in 0u32..32, qp in 0i32..52) {
            let mut w = BitWriter::default();
            w.ue(id);
            w.ue(0);
            w.bits(0, 2);
            w.ue(0);
            w.ue(references);
            w.ue(0);
            w.bits(0, 3);
            w.se(qp - 26);
            w.bits(0b1000_0000, 8);
            let mut out = [0; 64];
            let n = escape(&w.bytes, &mut out).expect("fits");
            prop_assert_eq!(init_qp(&[&[0x68], &out[..n]].concat()), Some(qp));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            init_qp(&bytes);
        }
    }
}
