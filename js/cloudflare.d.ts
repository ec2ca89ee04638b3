/**
 * A state that workers share, in a Durable Object.
 *
 * @packageDocumentation
 */

import type { SharedState } from "./index.js";

/** The Durable Object, for a worker to export and to bind as a namespace. */
export class LockkeeperState {
  constructor(context: object, environment?: unknown);
  fetch(request: Request): Promise<Response>;
  alarm(): Promise<void>;
}

/** The shared state in the objects of a namespace that is bound to {@link LockkeeperState}. */
export function durableObjectState(namespace: {
  idFromName(name: string): unknown;
  get(id: never): { fetch(input: string, init: RequestInit): Promise<Response> };
}): SharedState;
