//! The loop: one picture per tick.

use crate::barcode::{self, Reading};
use crate::beep::Beeper;
use crate::clock::{monotonic_ns, sleep_until, wall_us};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::options::{Clock, MicroHertz, Motion, Options, Switch};
use crate::pads::Pads;
use crate::scene::Scene;
use crate::screen::Screen;
use crate::{ffi, panel};

/// Runs until a signal, or the display's end.
///
/// # Errors
/// What keeps it from drawing the first frame.
pub fn run(options: &Options) -> Result<(), Error> {
    ffi::catch_stop()?;
    let screen = Screen::open(options)?;
    let beeper = if options.beep == Switch::On {
        Beeper::start()
    } else {
        Beeper::silent()
    };
    let scene = Scene::new(options.motion, screen.width(), screen.height());
    let mut beacon = Beacon {
        screen,
        scene,
        beeper,
        inputs: Inputs::default(),
        pads: Pads::default(),
        frame: 0,
        motion: options.motion,
    };
    let ended = match options.clock {
        Clock::Own => beacon.tick(options.fps),
        Clock::Display => beacon.follow(),
    };
    match ended {
        Err(Error::Gone(_) | Error::GoneWayland(_) | Error::Unsent(_) | Error::Closed) => Ok(()),
        ended => ended,
    }
}

struct Beacon {
    screen: Screen,
    scene: Scene,
    beeper: Beeper,
    inputs: Inputs,
    pads: Pads,
    frame: u32,
    motion: Motion,
}

impl Beacon {
    /// Draws at every tick; at rate 0 only the first picture and those that input changes.
    fn tick(&mut self, fps: MicroHertz) -> Result<(), Error> {
        let always = fps.0 > 0;
        let rate = if always { fps } else { IDLE_RATE };
        let start = monotonic_ns()?;
        let mut tick = 0;
        let mut changed = true;
        loop {
            if always {
                // The heavy part is done before the tick, so that the picture leaves at the tick.
                self.prepare()?;
            }
            sleep_until(start + rate.tick(tick))?;
            if ffi::stopped() {
                return Ok(());
            }
            changed |= self.screen.note_input(&mut self.inputs)?;
            changed |= self.pads.note(&mut self.inputs);
            if changed && !always {
                self.prepare()?;
            }
            if changed || always {
                changed = self.show()?;
            }
            // After a pause (the sandbox froze the app) the ticks that passed are left out, not made up for.
            tick = rate
                .next_after(monotonic_ns()?.saturating_sub(start))
                .max(tick + 1);
        }
    }

    /// Draws whenever the display says that it may.
    fn follow(&mut self) -> Result<(), Error> {
        while !ffi::stopped() {
            self.prepare()?;
            self.screen.wait_turn(&mut self.inputs)?;
            self.pads.note(&mut self.inputs);
            self.show()?;
        }
        Ok(())
    }

    /// Begins the next picture, in the size that the window is to have.
    fn prepare(&mut self) -> Result<(), Error> {
        if self.screen.follow()? {
            self.scene.resize(self.screen.width(), self.screen.height());
        }
        self.frame = self.frame.wrapping_add(1);
        let (mut canvas, _) = self.screen.canvas();
        self.scene.draw(&mut canvas, self.frame);
        Ok(())
    }

    /// Completes the picture and shows it; says whether input came in while the display read it.
    fn show(&mut self) -> Result<bool, Error> {
        let number = (self.motion != Motion::None).then_some(self.frame);
        let (mut canvas, names) = self.screen.canvas();
        self.scene
            .touch(panel::draw(&mut canvas, &self.inputs, names, number));
        if let Some(area) = panel::draw_pointer(&mut canvas, &self.inputs) {
            self.scene.touch(area);
        }
        if self.inputs.take_press() {
            self.beeper.beep();
        }
        let reading = Reading {
            time_us: wall_us()?,
            frame: self.frame,
            inputs: self.inputs.count,
        };
        barcode::draw(&mut canvas, reading);
        self.screen.put()?;
        self.screen.wait_read(&mut self.inputs)
    }
}

/// How often input is looked at when nothing else is to be drawn.
const IDLE_RATE: MicroHertz = MicroHertz(120_000_000);
