//! The player's window: what it says goes to the policy, what that decides to the display.

use super::Worker;
use crate::window::Size;
use firstlight_encoder::Config;
use firstlight_units::Timestamp;
use firstlight_wire::control::Viewport;

impl Worker {
    pub(super) fn on_viewport(&mut self, now: Timestamp, viewport: Viewport) {
        self.window.on_said(now, (viewport.width, viewport.height));
    }

    /// Gives the display the size that it is to have, if it is time.
    ///
    /// How large pictures of that size are coded is decided here as well, so that the one IDR that the change costs begins both.
    pub(super) fn follow_window(&mut self, now: Timestamp) {
        let Some(size) = self.window.poll(now) else { return };
        let Some(drawn) = self.config_of(size).filter(|_| self.parts.resizes.is_some()) else {
            return self.window.give_up(self.drawn);
        };
        tracing::info!(
            width = size.0,
            height = size.1,
            "the display follows the player's window"
        );
        let target = self.wants.target(self.sender.target());
        self.quality.on_drawn(now, target, drawn);
        self.parts.encoders.on_drawn(size);
        self.tell_choice();
        // The choice is for this size from here on, whether it is another or not.
        self.parts.shared.wish(|w| w.drawn = size);
        if let Some(resizes) = &self.parts.resizes {
            resizes.ask(size);
        }
    }

    /// What is encoded of a display of this size; `None`: no encoder takes it.
    fn config_of(&self, (width, height): Size) -> Option<Config> {
        let config = Config::builder()
            .size(width, height)
            .fps(self.parts.drawn.fps())
            .slices(1);
        config.build().ok()
    }
}
