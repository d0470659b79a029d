// The public surface of cacheserver: the kind and its controller, and all of the data plane.

export { controlName } from './child-names.ts';
export * from './cleaner-report/post.ts';
export * from './cleaner-report/run-cleaner.ts';
export * from './cleaner-report/signature.ts';
export * from './data-plane.ts';
export * from './engine.ts';
export * from './entry/serve-entry.ts';
export * from './kind.ts';
export * from './labels.ts';
export * from './render.ts';
export * from './render-entry.ts';
