// The public surface of agent.

export * from './catalogue.ts';
export * from './errors.ts';
export * from './fronts.ts';
