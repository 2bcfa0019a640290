/** Byte layouts: parse and serialize, nothing else. The normative text is docs/PROTOCOL.md. */
export * from './bytes';
export * from './clock';
export * from './feedback';
export * from './frame';
export * from './input';
export * from './kind';
export * from './media';
export * from './unit';
