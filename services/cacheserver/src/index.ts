// The public surface of cacheserver: the kind and its controller, and all of the data plane.

export * from './controller.ts';
export * from './data-plane.ts';
export * from './entry/serve-entry.ts';
export * from './kind.ts';
export * from './render.ts';
export * from './render-entry.ts';
