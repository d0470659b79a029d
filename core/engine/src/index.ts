// The public surface of engine.

export * from './cluster-spec.ts';
export * from './engine.ts';
export * from './engine-controller.ts';
export * from './member.ts';
