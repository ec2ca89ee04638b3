// Scenarios to begin with.

const provider = (settings) => ({ openai: { "gpt-4": { api_keys: 4, ...settings } } });
const moderate = { rate_limit_capacity: 20, rate_limit_refill_rate: 10 };
const unlimited = provider({ rate_limit_capacity: 1000, rate_limit_refill_rate: 1000 });

/** Each: `a` is a scenario, `b` the provider.json that is compared with its own. */
export const PRESETS = {
  "An hour by chance": {
    a: {
      provider: provider({ rate_limit_capacity: 20, rate_limit_refill_rate: 12 }),
      traffic: { shape: "poisson", rate: 10 },
      limits: { requests: 3 },
      faults: { 500: 0.01, 503: 0.005, cut: 0.002 },
    },
  },
  "200 at once": {
    a: { provider: unlimited, traffic: { shape: "at_once", calls: 200 }, limits: { requests: 5 } },
  },
  "Limits nobody tells of": {
    a: { provider: unlimited, duration: 300, traffic: { shape: "poisson", rate: 22 }, limits: { requests: 5, tells: "nothing" } },
  },
  "Two settings compared": {
    a: {
      provider: provider({ ...moderate, max_retries: 1 }),
      duration: 1800,
      traffic: { shape: "poisson", rate: 5 },
      limits: { requests: 3 },
      faults: { 500: 0.04, 503: 0.04, silence: 0.01 },
    },
    b: provider({ ...moderate, max_retries: 5, headers_timeout: 5 }),
  },
  "A bad day": {
    a: {
      provider: provider(moderate),
      duration: 1800,
      traffic: { shape: "poisson", rate: 5 },
      limits: { requests: 4 },
      faults: { 429: 0.02, 500: 0.05, 503: 0.05, silence: 0.005, cut: 0.02, dead_keys: 1 },
    },
  },
};
