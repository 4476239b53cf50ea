import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Markup } from "../../../coordinator/report/markup.ts";
import { drawingOf } from "../../../coordinator/report/svg.ts";

const drawing = (content: string, attributes = "") => `<svg width="10" height="5"${attributes}>${content}</svg>`;

Deno.test("a drawing keeps shapes and texts, with two decimals, and loses what is not needed to draw them", () => {
  const { attributes, content } = drawingOf(
    drawing(
      '<g class="mark" aria-label="a &amp; b" transform="translate(0.12345,-7.0004)">' +
        '<path d="M1.23456,2L3,4" fill="var(--gc)"/>' +
        '<path d="" display="none"/><text font-size="11px">a &lt; b</text></g>',
      ' xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)"',
    ),
  );
  assertEquals(attributes, ' width="10" height="5"');
  assertEquals(
    content,
    '<g transform="translate(0.12,-7)"><path d="M1.23,2L3,4" fill="var(--gc)"/>' +
      '<text font-size="11px">a &lt; b</text></g>',
  );
});

Deno.test("a drawing shows what could turn the direction of writing round or steer a terminal", () => {
  const { content } = drawingOf(drawing("<text>a\u202eb\x1b[2Jc</text>"));
  assertEquals(content, "<text>a\\u202eb\\u001b[2Jc</text>");
});

Deno.test("what acts, fetches or styles is refused, and so is what is not one drawing", () => {
  for (
    const bad of [
      drawing("<script>alert(1)</script>"),
      drawing("<style>*{}</style>"),
      drawing('<image x="0"/>'),
      drawing('<use x="0"/>'),
      drawing('<a x="0"></a>'),
      drawing("<foreignObject></foreignObject>"),
      drawing("<animate/>"),
      drawing('<rect fill="url(http://a/b)"/>'),
      drawing('<rect fill="URL(#a)"/>'),
      drawing(`<rect fill="&#117;rl(x)"/>`),
      drawing("<rect fill='red'/>"),
      drawing("<rect fill=red>"),
      drawing("<text>&nbsp;</text>"),
      drawing("<text>a & b</text>"),
      drawing("<text>&#8238;</text>"),
      drawing("<!-- a -->"),
      drawing("<![CDATA[a]]>"),
      drawing("<g>"),
      drawing("</g>"),
      drawing("<g></text>"),
      "",
      "text",
      `${drawing("")}${drawing("")}`,
      `a${drawing("")}`,
      `${drawing("")}<`,
      "<g></g>",
    ]
  ) assertThrows(() => drawingOf(bad), RangeError, "Cannot put a drawing into a page");
});

Deno.test("a drawing in a page is one picture with a name and a description, which are escaped", () => {
  const { text } = Markup.drawing(drawing("<g></g>"), { id: "one", title: "<b>", description: 'a "quoted" ]]> word' });
  assert(text.startsWith("<svg "));
  for (
    const part of [
      `role="img" aria-labelledby="one-title one-description"\n width="10"`,
      '<title id="one-title">&#60;b&#62;</title>',
      `<desc id="one-description">a &#34;quoted&#34; ]]&#62; word</desc>\n<g></g></svg>`,
    ]
  ) assertStringIncludes(text, part);
});
