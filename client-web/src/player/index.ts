/** The player: joins the API, the worker, the sound and the page. */
import type { Player, PlayerOptions } from './types';

export type * from './types';

export function createPlayer(options: PlayerOptions): Player {
  throw new Error(`not playable yet: ${options.title}`);
}
