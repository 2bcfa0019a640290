/** What the player is told in a line over the picture; `trouble`: something does not work. */
export type News = { readonly words: string; readonly trouble: boolean };
