//! key_pool
