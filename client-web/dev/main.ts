/**
 * The client without an engine: `npm run dev`, then /dev/. Not part of the build.
 *
 * `dev` in the console drives it: `dev.player.become('playing')`, `dev.player.over('failed', {…})`,
 * `dev.catalogue.running = [...]`.
 */
import '../src/ui/styles';
import { App } from '../src/pages/app';
import { paint } from './fake-picture';
import { FakeCatalogue } from './fake-catalogue';
import { FakePlayer } from './fake-player';

const root = document.getElementById('app');
if (root === null) throw new Error('dev/index.html has no #app');

const catalogue = new FakeCatalogue();
const query = new URLSearchParams(location.search);
catalogue.reachable = !query.has('unreachable');
if (query.has('empty')) catalogue.list = [];
if (query.has('running')) {
  catalogue.running = [
    { session: 'a1', title: 'freedoom', state: 'waiting', waitLeft: 103 },
    { session: 'b2', title: 'supertux', state: 'attached', waitLeft: null },
  ];
}
const path = query.get('path');
if (path !== null) history.replaceState(null, '', path);
else if (location.pathname.startsWith('/dev')) history.replaceState(null, '', '/');

const dev: { catalogue: FakeCatalogue; player: FakePlayer | null } = { catalogue, player: null };

const app = new App({
  root,
  catalogue,
  createPlayer: (options) => {
    const player = new FakePlayer(options);
    dev.player = player;
    paint(options.canvas);
    player.on('state', (state) => {
      options.video.hidden = true;
      options.canvas.hidden = false;
      if (state === 'starting') setTimeout(() => player.become('connecting'), 600);
      if (state === 'connecting' && !query.has('slow')) setTimeout(() => player.become('playing'), 600);
      if (state === 'playing') player.emit('size', { width: 1280, height: 720 });
    });
    return player;
  },
});

Object.assign(window, { dev, firstlight: app.firstlight });
