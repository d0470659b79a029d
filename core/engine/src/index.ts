// The public surface of engine.

export * from './cluster-spec.ts';
export * from './engine.ts';
export * from './engine-controller.ts';
export * from './member.ts';
export { observe } from './observe.ts';
export * from './passwords.ts';
export { placesOf } from './places.ts';
export { type Action, planCluster } from './plan.ts';
