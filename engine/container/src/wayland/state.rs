//! All that the compositor knows.

use super::clients::{self, ClientState};
use super::clipboard::Copied;
use super::cursor::CursorImage;
use super::keys::Keys;
use super::painter::Painter;
use super::resize::Resizing;
use super::schedule::Schedule;
use super::shared::Shared;
use super::surfaces::Awaiting;
use super::text::TextInputs;
use super::touch::TouchScreen;
use super::windows::Windows;
use super::xwayland::Ends;
use super::xwm::{self, Wm};
use crate::clipboard::Board;
use crate::{Error, clock};
use firstlight_units::Timestamp;
use smithay::desktop::PopupManager;
use smithay::input::keyboard::{KeyboardHandle, XkbConfig};
use smithay::input::pointer::PointerHandle;
use smithay::input::{Seat, SeatState};
use smithay::output::{Mode, Output, PhysicalProperties, Scale, Subpixel};
use smithay::reexports::wayland_protocols::wp::text_input::zv3::server::zwp_text_input_manager_v3::ZwpTextInputManagerV3;
use smithay::reexports::wayland_server::DisplayHandle;
use smithay::utils::Transform;
use smithay::wayland::compositor::CompositorState;
use smithay::wayland::cursor_shape::CursorShapeManagerState;
use smithay::wayland::fractional_scale::FractionalScaleManagerState;
use smithay::wayland::output::OutputManagerState;
use smithay::wayland::pointer_constraints::PointerConstraintsState;
use smithay::wayland::presentation::PresentationState;
use smithay::wayland::relative_pointer::RelativePointerManagerState;
use smithay::wayland::selection::data_device::DataDeviceState;
use smithay::wayland::selection::primary_selection::PrimarySelectionState;
use smithay::wayland::shell::xdg::XdgShellState;
use smithay::wayland::shell::xdg::decoration::XdgDecorationState;
use smithay::wayland::shm::ShmState;
use smithay::wayland::single_pixel_buffer::SinglePixelBufferState;
use smithay::wayland::viewporter::ViewporterState;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// See the module.
pub(super) struct State {
    pub(super) display: DisplayHandle,
    pub(super) compositor: CompositorState,
    pub(super) xdg_shell: XdgShellState,
    pub(super) shm: ShmState,
    pub(super) seats: SeatState<Self>,
    pub(super) data_device: DataDeviceState,
    pub(super) primary_selection: PrimarySelectionState,
    _globals: Globals,
    pub(super) output: Output,
    pub(super) seat: Seat<Self>,
    pub(super) keyboard: KeyboardHandle<Self>,
    pub(super) pointer: PointerHandle<Self>,
    /// Where the title is played by touch.
    pub(super) touch: Option<TouchScreen>,
    pub(super) popups: PopupManager,
    pub(super) windows: Windows,
    /// A size that the screen is to have, until it has.
    pub(super) resizing: Option<Resizing>,
    pub(super) copied: Copied,
    pub(super) text: TextInputs,
    pub(super) keys: Keys,
    pub(super) cursor: CursorImage,
    pub(super) schedule: Schedule,
    pub(super) awaiting: Awaiting,
    pub(super) painter: Painter,
    pub(super) shared: Arc<Shared>,
    pub(super) x: Option<Wm>,
    x_ends: Option<Ends>,
}

/// What is offered for as long as this is kept.
struct Globals {
    _outputs: OutputManagerState,
    _viewporter: ViewporterState,
    _fractional_scale: FractionalScaleManagerState,
    _presentation: PresentationState,
    _relative_pointer: RelativePointerManagerState,
    _pointer_constraints: PointerConstraintsState,
    _cursor_shape: CursorShapeManagerState,
    _decoration: XdgDecorationState,
    _single_pixel_buffer: SinglePixelBufferState,
}

impl State {
    pub(super) fn new(
        display: &DisplayHandle,
        shared: Arc<Shared>,
        board: Board,
        fps: u16,
    ) -> Result<Self, Error> {
        let (width, height) = shared.size();
        let mut seats = SeatState::new();
        let mut seat = seats.new_wl_seat(display, "player");
        // xkeyboard-config's default, as on the X11 display; its codes are Linux's plus 8.
        let keyboard = seat
            .add_keyboard(XkbConfig::default(), REPEAT_DELAY_MS, REPEAT_PER_S)
            .map_err(|_| Error::Wayland("no keymap: apt-get install xkb-data"))?;
        let pointer = seat.add_pointer();
        display.create_global::<Self, ZwpTextInputManagerV3, ()>(1, ());
        pointer.set_location((f64::from(width / 2), f64::from(height / 2)).into());
        Ok(Self {
            compositor: CompositorState::new::<Self>(display),
            xdg_shell: XdgShellState::new::<Self>(display),
            shm: ShmState::new::<Self>(display, []),
            data_device: DataDeviceState::new::<Self>(display),
            primary_selection: PrimarySelectionState::new::<Self>(display),
            _globals: Globals {
                _outputs: OutputManagerState::new_with_xdg_output::<Self>(display),
                _viewporter: ViewporterState::new::<Self>(display),
                _fractional_scale: FractionalScaleManagerState::new::<Self>(display),
                _presentation: PresentationState::new::<Self>(display, CLOCK_MONOTONIC),
                _relative_pointer: RelativePointerManagerState::new::<Self>(display),
                _pointer_constraints: PointerConstraintsState::new::<Self>(display),
                _cursor_shape: CursorShapeManagerState::new::<Self>(display),
                _decoration: XdgDecorationState::new::<Self>(display),
                _single_pixel_buffer: SinglePixelBufferState::new::<Self>(display),
            },
            output: output(display, (width, height), fps),
            display: display.clone(),
            seats,
            seat,
            copied: Copied::new(board),
            text: TextInputs::default(),
            keys: Keys::default(),
            keyboard,
            pointer,
            touch: None,
            popups: PopupManager::default(),
            windows: Windows::new(width, height),
            resizing: None,
            cursor: CursorImage::default(),
            schedule: Schedule::new(fps),
            awaiting: Awaiting::new(fps),
            painter: Painter::new(width, height)?,
            shared,
            x: None,
            x_ends: None,
        })
    }

    /// Makes an X server that is starting a client; when it is ready, its windows are managed.
    pub(super) fn connect(&mut self, mut ends: Ends) -> Result<(), Error> {
        if let Some(stream) = ends.wayland.take() {
            let client = clients::insert(stream, ClientState::of_x(), &self.display)
                .map_err(Error::system("socket"))?;
            ends.client = Some(client);
        }
        self.x_ends = Some(ends);
        Ok(())
    }

    /// What the X server speaks through, or will.
    pub(super) fn x_socket(&self) -> Option<BorrowedFd<'_>> {
        let ends = self.x_ends.as_ref().map(Ends::ready);
        ends.or_else(|| self.x.as_ref().map(Wm::socket))
    }

    /// Does what is due after clients and player were heard.
    pub(super) fn turn(&mut self, now: Timestamp) {
        if let Err(error) = self.manage_x() {
            // The container sees that the server's process has ended.
            tracing::warn!(%error, "the X server is gone");
        }
        self.popups.cleanup();
        self.settle_size(now);
        self.ask_for_copied();
        if let Some(committed) = self.schedule.take(now) {
            self.paint(committed);
        }
        self.answer(now);
    }

    /// When [`Self::turn`] has something to do though nobody says anything.
    pub(super) fn timeout(&self) -> Option<Timestamp> {
        let resizing = self.resizing.as_ref().map(Resizing::until);
        [self.schedule.timeout(), self.awaiting.timeout(), resizing]
            .into_iter()
            .flatten()
            .min()
    }

    fn manage_x(&mut self) -> Result<(), Error> {
        if let Some(mut ends) = self.x_ends.take() {
            if ends.is_ready()? {
                self.x = Some(Wm::start(ends, self.asked_size())?);
            } else {
                self.x_ends = Some(ends);
            }
        }
        if let Some(mut wm) = self.x.take() {
            let changes = wm.process(&self.display)?;
            self.x = Some(wm);
            for change in changes {
                self.on_x(change);
            }
        }
        Ok(())
    }

    fn on_x(&mut self, change: xwm::Change) {
        match change {
            xwm::Change::Shown(window) => self.show(window),
            xwm::Change::Moved(surface, at) => {
                self.windows.move_to(&surface, at);
                self.on_restacked();
            }
            xwm::Change::Hidden(surface) => self.hide(&surface),
        }
    }

    /// What is seen, and by whom, may be something else.
    pub(super) fn on_restacked(&mut self) {
        self.focus_top();
        self.point_again();
        self.schedule.on_commit(clock::now(), false);
    }
}

/// The one screen, of the title's size and rate.
fn output(display: &DisplayHandle, (width, height): (u16, u16), fps: u16) -> Output {
    let properties = PhysicalProperties {
        // At 96 dots per inch, which apps take for the usual.
        size: (i32::from(width) * 254 / 960, i32::from(height) * 254 / 960).into(),
        subpixel: Subpixel::Unknown,
        make: "Firstlight".into(),
        model: "Stream".into(),
    };
    let output = Output::new("STREAM-1".into(), properties);
    let mode = mode((width, height), i32::from(fps) * MILLIHERTZ);
    output.change_current_state(
        Some(mode),
        Some(Transform::Normal),
        Some(Scale::Integer(1)),
        Some((0, 0).into()),
    );
    output.set_preferred(mode);
    output.create_global::<State>(display);
    output
}

/// The screen's mode: pixels across and down, and refreshes in a thousand seconds.
pub(super) fn mode((width, height): (u16, u16), refresh: i32) -> Mode {
    Mode {
        size: (i32::from(width), i32::from(height)).into(),
        refresh,
    }
}

const MILLIHERTZ: i32 = 1_000;
/// The clock of presentation times, as `clock_gettime` numbers it: the engine's own.
const CLOCK_MONOTONIC: u32 = 1;
/// As X servers do it by default.
const REPEAT_DELAY_MS: i32 = 660;
const REPEAT_PER_S: i32 = 25;
