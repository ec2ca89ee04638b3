// Prints what a run has shown.

import { jain } from "./judge.mjs";

const MEGABYTE = 1 << 20;
const WIDTH = 28;

const line = (name, text) => console.log(`  ${name.padEnd(WIDTH)}${text}`);
const count = (number) => Math.round(number).toLocaleString("en");
const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(1)} MiB`;
const counts = (things) => Object.entries(things).sort().map(([name, number]) => `${name} ${count(number)}`).join(", ") || "none";
const duration = (seconds) => (seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`);
const latency = ({ p50, p99 }) => `p50 ${duration(p50)}, p99 ${duration(p99)}`;

/** Prints the figures of a run and which conditions they meet. Says whether they meet all. */
export function report(name, plan, figures, conditions) {
  const { work, bucket } = figures;
  console.log(`\n${name}: ${count(plan.streams)} streams at once for ${plan.client.seconds} s, answers of ${plan.answerSeconds.toFixed(1)} s\n`);
  line("begun", count(figures.begun));
  line("answered whole", count(figures.answered));
  line("failed", counts(figures.failed));
  line("cancelled", count(figures.cancelled));
  line("lost, hung", `${figures.lost.length}, ${figures.hung.length}`);
  line("requests", `${count(figures.requests)} of ${count(figures.stats.attempts)} attempts, ${count(sum(figures.faults))} with a fault`);
  line("faults", counts(figures.faults));
  line("open at once", `at most ${count(figures.peak)}, as a rule ${count(figures.openMost)}`);
  line("waiting at the bucket", `as a rule ${count(figures.queue)}; somebody in ${(figures.queued * 100).toFixed(0)}% of the time`);
  line("at the end", `${figures.settled.inFlight} leases, ${figures.settled.waiters} waiters, ${figures.open} sockets in use, ${count(figures.idleConnections)} idle ones; ${count(figures.accepted)} ever`);
  for (const measured of figures.memory) line(measured.measure, growth(measured, figures.settled[measured.measure]));
  line("memory of an open stream", `${(figures.heapOfStream / 1024).toFixed(1)} KiB of heap`);
  line("bucket's law", `${count(bucket.capacity)} + ${bucket.refillRate.toFixed(1)}/s; the fullest window has ${bucket.sent.toFixed(1)} more`);
  line("…as the provider sees it", `${bucket.seen.toFixed(1)} more; the latest request was ${duration(bucket.latest)} on its way`);
  line("balance of the keys", `Jain's index ${jain(figures.keys).toFixed(5)}: ${Math.min(...figures.keys)} to ${Math.max(...figures.keys)} requests`);
  line("throughput", `${count(work.requestsPerSecond)} requests and ${count(work.chunksPerSecond)} chunks a second`);
  if (work.cores !== undefined) line("processor", `${work.cores.toFixed(2)} cores; ${work.microsecondsPerChunk.toFixed(0)} µs for each chunk, all told`);
  line("first token, once sent", latency(figures.firstToken));
  line("whole call, waits included", latency(figures.whole));
  return verdict(figures, conditions);
}

const sum = (counts) => Object.values(counts).reduce((total, number) => total + number, 0);

function growth({ second, last, perMinute }, settled) {
  const sign = perMinute < 0 ? "" : "+";
  return `${megabytes(second)} in the second quarter, ${megabytes(last)} in the last (${sign}${megabytes(perMinute)} a minute); ${megabytes(settled)} at rest`;
}

function verdict(figures, conditions) {
  console.log();
  for (const [text, holds] of conditions) console.log(`  ${holds ? "ok    " : "FAILED"}  ${text}`);
  for (const [number, how] of [...figures.lost, ...figures.hung].slice(0, 10)) console.log(`  call ${number}: ${how}`);
  const others = { "failed without a fault": figures.failedForNothing, "answered twice": figures.answeredTwice };
  for (const [what, calls] of Object.entries(others)) {
    if (calls.length > 0) console.log(`  ${what}: ${calls.slice(0, 10).join(", ")}`);
  }
  return conditions.every(([, holds]) => holds);
}
