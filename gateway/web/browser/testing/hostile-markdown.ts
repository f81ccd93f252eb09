/** What a model may say, led on by somebody, and no browser may do. None of it may reach another origin or run. */
export const hostileMarkdown = `Before it all.

<script>window.__harmed = 'script'</script>

<img src="x" onerror="window.__harmed = 'onerror'">
![a pixel](https://tracker.example/pixel.png)
![a file](file:///etc/passwd)
![inline](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)

[a link](javascript:window.__harmed='link') <a href=" jAvAsCrIpT:window.__harmed='anchor'">an anchor</a>
[a document](data:text/html,<script>window.__harmed='data'</script>)

<iframe src="https://tracker.example/frame"></iframe><object data="https://tracker.example/object"></object>
<embed src="https://tracker.example/embed"><link rel="stylesheet" href="https://tracker.example/style.css">
<style>body { display: none; background: url(https://tracker.example/style) }</style>
<div style="position: fixed; inset: 0; background: url(https://tracker.example/div)" onclick="window.__harmed='div'">a curtain</div>
<form action="https://tracker.example/form"><input name="password" autofocus onfocus="window.__harmed='focus'"><button>Sign in</button></form>
<svg onload="window.__harmed='svg'"><use href="https://tracker.example/use#a"></use><script>window.__harmed='svg script'</script></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.__harmed='mutation'&gt;">
<video src="https://tracker.example/video" autoplay></video><audio src="https://tracker.example/audio" autoplay></audio>
<a id="app" name="body" href="https://tracker.example/anchor" target="_self">another anchor</a>
<base href="https://tracker.example/"><meta http-equiv="refresh" content="0;url=https://tracker.example/">

| a | b |
| - | - |
| <img src=x onerror="window.__harmed='cell'"> | c |

After it all, [a kind link](https://example.org/kind).
`;

/** Elements and attributes that nothing a model says may become, as the page finds them in an element. */
export function harmIn(root: Element): string[] {
  const elements = [
    'script',
    'iframe',
    'object',
    'embed',
    'link',
    'style',
    'form',
    'input',
    'svg',
    'math',
    'base',
    'meta',
  ];
  const found = [...root.querySelectorAll(elements.join())].map((element) => element.outerHTML);
  for (const element of root.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      const isBad =
        name.startsWith('on') ||
        name === 'style' ||
        (/^(?:src|srcset|data|poster|action|formaction)$/.test(name) && !/^(?:blob:|\/|\.)/.test(value)) ||
        (name === 'href' && !/^(?:https?:|mailto:|#)/.test(value)) ||
        (name === 'target' && value !== '_blank');
      if (isBad) found.push(`${element.tagName} ${name}=${value}`);
    }
  }
  return found;
}
