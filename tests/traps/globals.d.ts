/** What the functions of traps find in their pages. */
declare const helpers: import('./trap.js').Helpers
/** What the page's script `before` has kept. */
declare const kept: Record<string, never>
declare const agent: import('./agents.js').PageAgent
