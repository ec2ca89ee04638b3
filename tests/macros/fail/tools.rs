use lockkeeper::tool;

#[tool]
async fn without_comment(city: String) -> String {
    city
}

/// The weather.
#[tool]
async fn borrows(city: &str) -> String {
    city.to_owned()
}

/// The weather.
#[tool(name = "weather")]
async fn set(city: String) -> String {
    city
}

fn main() {}
