//! Providers whose address is known from their name, so that only `api_keys` has to be written.
//!
//! Each row names the page that documents its address, to look it up again when it moves. A service
//! with one address per region has one row per region, as its keys are not valid in the other.

use super::nearest_name::bare;
use crate::core::text;

/// A provider that is known by name.
struct KnownProvider {
    /// Its names, with spaces between them; their case and punctuation do not count.
    names: &'static str,
    /// The base URL of its OpenAI-compatible API.
    base_url: &'static str,
    /// The page that documents it.
    #[cfg(test)]
    page: &'static str,
}

impl KnownProvider {
    fn names(&self) -> Vec<&'static str> {
        text::split(self.names, " ")
    }
}

/// Without the page outside of tests: it is for whoever checks the table.
#[cfg_attr(not(test), expect(unused_variables, reason = "it stays in the source"))]
const fn row(names: &'static str, base_url: &'static str, page: &'static str) -> KnownProvider {
    KnownProvider {
        names,
        base_url,
        #[cfg(test)]
        page,
    }
}

#[rustfmt::skip]
static KNOWN: [KnownProvider; 34] = [
    row("openai", "https://api.openai.com/v1", "https://platform.openai.com/docs/api-reference/chat"),
    row("anthropic claude", "https://api.anthropic.com/v1", "https://docs.anthropic.com/en/api/openai-sdk"),
    row("gemini google", "https://generativelanguage.googleapis.com/v1beta/openai", "https://ai.google.dev/gemini-api/docs/openai"),
    row("deepseek", "https://api.deepseek.com", "https://api-docs.deepseek.com"),
    row("mistral mistralai", "https://api.mistral.ai/v1", "https://docs.mistral.ai/api"),
    row("xai grok", "https://api.x.ai/v1", "https://docs.x.ai/docs/api-reference"),
    row("perplexity pplx", "https://api.perplexity.ai", "https://docs.perplexity.ai/api-reference/chat-completions-post"),
    row("openrouter", "https://openrouter.ai/api/v1", "https://openrouter.ai/docs/quickstart"),
    row("groq", "https://api.groq.com/openai/v1", "https://console.groq.com/docs/openai"),
    row("cerebras", "https://api.cerebras.ai/v1", "https://inference-docs.cerebras.ai/resources/openai"),
    row("sambanova", "https://api.sambanova.ai/v1", "https://docs.sambanova.ai/docs/en/features/openai-compatibility"),
    row("together togetherai", "https://api.together.xyz/v1", "https://docs.together.ai/docs/openai-api-compatibility"),
    row("fireworks fireworksai", "https://api.fireworks.ai/inference/v1", "https://docs.fireworks.ai/tools-sdks/openai-compatibility"),
    row("deepinfra", "https://api.deepinfra.com/v1/openai", "https://deepinfra.com/docs/advanced/openai_api"),
    row("nvidia nim", "https://integrate.api.nvidia.com/v1", "https://docs.api.nvidia.com/nim/reference/llm-apis"),
    row("huggingface hf", "https://router.huggingface.co/v1", "https://huggingface.co/docs/inference-providers"),
    row("github github-models", "https://models.github.ai/inference", "https://docs.github.com/en/github-models/quickstart"),
    row("volcengine ark doubao", "https://ark.cn-beijing.volces.com/api/v3", "https://www.volcengine.com/docs/82379/1263482"),
    row("baidu qianfan ernie", "https://qianfan.baidubce.com/v2", "https://cloud.baidu.com/doc/WENXINWORKSHOP/s/2m3fihw8s"),
    row("dashscope qwen aliyun bailian", "https://dashscope.aliyuncs.com/compatible-mode/v1", "https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope"),
    row("dashscope-intl qwen-intl", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope"),
    row("moonshot kimi moonshotai", "https://api.moonshot.ai/v1", "https://platform.kimi.ai/docs/api/overview"),
    row("moonshot-cn kimi-cn", "https://api.moonshot.cn/v1", "https://platform.kimi.com/docs/api/overview"),
    row("zhipu zhipuai bigmodel glm", "https://open.bigmodel.cn/api/paas/v4", "https://docs.bigmodel.cn/cn/guide/develop/openai/introduction"),
    row("siliconflow", "https://api.siliconflow.com/v1", "https://docs.siliconflow.com/en/userguide/quickstart"),
    row("siliconflow-cn", "https://api.siliconflow.cn/v1", "https://docs.siliconflow.cn/docs/userguide/quickstart"),
    row("minimax", "https://api.minimax.io/v1", "https://platform.minimax.io/docs/api-reference/text-openai-api"),
    row("minimax-cn", "https://api.minimaxi.com/v1", "https://platform.minimaxi.com/docs/api-reference/text-openai-api"),
    row("hunyuan tencent", "https://api.hunyuan.cloud.tencent.com/v1", "https://cloud.tencent.com/document/product/1729/111007"),
    row("stepfun", "https://api.stepfun.com/v1", "https://platform.stepfun.com/docs/zh/guides/developer/openai"),
    row("ollama", "http://localhost:11434/v1", "https://ollama.com/blog/openai-compatibility"),
    row("vllm", "http://localhost:8000/v1", "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    row("lmstudio", "http://localhost:1234/v1", "https://lmstudio.ai/docs/api/endpoints/openai"),
    row("llama.cpp llama-server", "http://localhost:8080/v1", "https://github.com/ggml-org/llama.cpp/tree/master/tools/server"),
];

/// The base URL of the provider called `name`, where it is known.
pub(crate) fn known_base_url(name: &str) -> Option<&'static str> {
    let wanted = bare(name);
    let known = KNOWN.iter().find(|row| row.names().iter().any(|known| bare(known) == wanted))?;
    Some(known.base_url)
}

/// Every name that is known, the first of each row being the provider's own.
pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().flat_map(KnownProvider::names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::super::base_url::BaseUrl;
    use super::*;

    #[test]
    fn names_are_found_in_any_spelling() {
        assert_eq!(known_base_url("OpenAI"), Some("https://api.openai.com/v1"));
        assert_eq!(known_base_url("LM Studio"), Some("http://localhost:1234/v1"));
        assert_eq!(known_base_url("llama_cpp"), Some("http://localhost:8080/v1"));
        assert_eq!(known_base_url("ark"), known_base_url("volcengine"));
        assert_eq!(known_base_url("azure"), None);
        assert_eq!(known_base_url(""), None);
    }

    #[test]
    fn every_row_is_a_good_address_with_names_of_its_own() {
        let mut seen = HashSet::new();
        for row in &KNOWN {
            let url = BaseUrl::parse(row.base_url).unwrap();
            assert_eq!(url.text, row.base_url);
            assert!(url.is_secure() || url.is_loopback(), "{}", row.base_url);
            assert!(row.page.starts_with("https://"));
            for name in row.names() {
                assert!(seen.insert(bare(name)), "{name} stands twice");
            }
        }
    }
}
