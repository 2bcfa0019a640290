//! Where a session's pictures go in, and where they come out.

use super::Session;
use super::running::Made;
use crate::backend::Input;
use crate::context::{Current, Memory};
use crate::{Error, nv12};
use firstlight_encoder::Surface;
use firstlight_nvenc_sys as sys;
use firstlight_nvenc_sys::value::picture;
use std::ffi::c_void;

/// Where pictures go in, and where they come out.
#[derive(Debug)]
pub(super) struct Buffers {
    input: InputBuffer,
    output: *mut c_void,
    width: u32,
    height: u32,
}

#[derive(Debug)]
enum InputBuffer {
    /// Memory of the CPU that the driver gives out.
    Locked(*mut c_void),
    /// Our memory on the device, which the driver knows.
    Registered {
        resource: *mut c_void,
        memory: Memory,
        staging: Vec<u8>,
    },
}

impl Buffers {
    /// Buffers for pictures of this size.
    pub(super) fn make(session: &Session, kind: Input, width: u32, height: u32) -> Result<Self, Error> {
        let entered = session.context.enter()?;
        let mut parameters = sys::CreateBitstreamBuffer::blank();
        call!(
            session,
            create_bitstream_buffer,
            "NvEncCreateBitstreamBuffer",
            &raw mut parameters
        )?;
        let output = parameters.bitstream_buffer;
        let input = match kind {
            Input::Locked => locked(session, width, height),
            Input::Registered => registered(session, &entered, width, height),
        };
        match input {
            Ok(input) => Ok(Self {
                input,
                output,
                width,
                height,
            }),
            Err(error) => {
                // The first failure is the one to tell.
                drop(call!(
                    session,
                    destroy_bitstream_buffer,
                    "NvEncDestroyBitstreamBuffer",
                    output
                ));
                Err(error)
            }
        }
    }

    /// Width and height of what goes in, in pixels.
    pub(super) const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) const fn output(&self) -> *mut c_void {
        self.output
    }

    /// Puts the surface where the encoder reads it; what to give to the encoder, and its pitch.
    pub(super) fn fill(
        &mut self,
        session: &Session,
        entered: &Current<'_>,
        surface: &Surface,
    ) -> Result<(*mut c_void, u32), Error> {
        let (width, rows) = (
            usize::from(surface.width()),
            nv12::rows(usize::from(surface.height())),
        );
        match &mut self.input {
            InputBuffer::Locked(buffer) => {
                let mut parameters = sys::LockInputBuffer::blank();
                parameters.input_buffer = *buffer;
                call!(
                    session,
                    lock_input_buffer,
                    "NvEncLockInputBuffer",
                    &raw mut parameters
                )?;
                let pitch = usize::try_from(parameters.pitch).unwrap_or(0);
                let bytes = parameters.buffer_data_ptr.cast::<u8>();
                let fits = !bytes.is_null() && pitch >= width && {
                    // SAFETY: a locked NV12 buffer has `pitch` bytes for each row of luma and each of chroma, and is ours
                    // until it is unlocked.
                    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, pitch * rows) };
                    nv12::write(surface, bytes, pitch)
                };
                call!(session, unlock_input_buffer, "NvEncUnlockInputBuffer", *buffer)?;
                if !fits {
                    return Err(Error::Contract("an input buffer that is too small"));
                }
                Ok((*buffer, parameters.pitch))
            }
            InputBuffer::Registered {
                resource,
                memory,
                staging,
            } => {
                nv12::write(surface, staging, width);
                memory.fill(entered, staging, width, rows)?;
                let mut parameters = sys::MapInputResource::blank();
                parameters.registered_resource = *resource;
                call!(
                    session,
                    map_input_resource,
                    "NvEncMapInputResource",
                    &raw mut parameters
                )?;
                Ok((
                    parameters.mapped_resource,
                    u32::try_from(memory.pitch).unwrap_or(0),
                ))
            }
        }
    }

    /// The encoder is done with what `fill` gave it.
    pub(super) fn release(&self, session: &Session, input: *mut c_void) -> Result<(), Error> {
        match self.input {
            InputBuffer::Locked(_) => Ok(()),
            InputBuffer::Registered { .. } => {
                call!(session, unmap_input_resource, "NvEncUnmapInputResource", input)
            }
        }
    }

    /// Waits for the output, hands it to `take`, and gives it back.
    pub(super) fn read(&self, session: &Session, take: &mut dyn FnMut(&[u8])) -> Result<Made, Error> {
        let mut parameters = sys::LockBitstream::blank();
        parameters.output_bitstream = self.output;
        call!(session, lock_bitstream, "NvEncLockBitstream", &raw mut parameters)?;
        let size = usize::try_from(parameters.bitstream_size_in_bytes).unwrap_or(0);
        if !parameters.bitstream_buffer_ptr.is_null() {
            // SAFETY: a locked output has as many bytes as the driver says, until it is unlocked.
            take(unsafe { std::slice::from_raw_parts(parameters.bitstream_buffer_ptr.cast(), size) });
        }
        call!(session, unlock_bitstream, "NvEncUnlockBitstream", self.output)?;
        Ok(Made {
            qp: parameters.frame_avg_qp,
            stamp: parameters.output_time_stamp,
        })
    }

    pub(super) fn destroy(self, session: &Session) -> Result<(), Error> {
        let _entered = session.context.enter()?;
        let input = match self.input {
            InputBuffer::Locked(buffer) => {
                call!(session, destroy_input_buffer, "NvEncDestroyInputBuffer", buffer)
            }
            InputBuffer::Registered { resource, memory, .. } => {
                let unregistered = call!(session, unregister_resource, "NvEncUnregisterResource", resource);
                drop(memory);
                unregistered
            }
        };
        call!(
            session,
            destroy_bitstream_buffer,
            "NvEncDestroyBitstreamBuffer",
            self.output
        )?;
        input
    }
}

fn locked(session: &Session, width: u32, height: u32) -> Result<InputBuffer, Error> {
    let mut parameters = sys::CreateInputBuffer::blank();
    (parameters.width, parameters.height) = (width, height);
    parameters.buffer_fmt = picture::FORMAT_NV12;
    call!(
        session,
        create_input_buffer,
        "NvEncCreateInputBuffer",
        &raw mut parameters
    )?;
    Ok(InputBuffer::Locked(parameters.input_buffer))
}

fn registered(
    session: &Session,
    entered: &Current<'_>,
    width: u32,
    height: u32,
) -> Result<InputBuffer, Error> {
    let rows = nv12::rows(usize::try_from(height).unwrap_or(0));
    let bytes_across = usize::try_from(width).unwrap_or(0);
    let memory = Memory::new(&session.driver, entered, bytes_across, rows)?;
    let mut parameters = sys::RegisterResource::blank();
    parameters.resource_type = picture::RESOURCE_CUDADEVICEPTR;
    (parameters.width, parameters.height) = (width, height);
    parameters.pitch = u32::try_from(memory.pitch).unwrap_or(0);
    parameters.resource_to_register =
        std::ptr::without_provenance_mut(usize::try_from(memory.pointer).unwrap_or(0));
    parameters.buffer_format = picture::FORMAT_NV12;
    parameters.buffer_usage = picture::USAGE_INPUT_IMAGE;
    call!(
        session,
        register_resource,
        "NvEncRegisterResource",
        &raw mut parameters
    )?;
    Ok(InputBuffer::Registered {
        resource: parameters.registered_resource,
        memory,
        staging: vec![0; bytes_across * rows],
    })
}
