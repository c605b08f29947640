package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/nasa-openscapes/corn/internal/testkit/jupytertest"
)

// JupyterLab of the image opens in Chromium, its launcher shows every kernel by its
// display name, and a notebook's cell runs in each.
func TestJupyterLabInChromium(t *testing.T) {
	s := need(t)
	img := must[*image](t)(s.hackweek())
	server := serve(t, img)
	b := open(t)
	b.do(time.Minute, "open JupyterLab",
		chromedp.Navigate(server.PageURL("/lab")),
		chromedp.WaitVisible(chromedp.CSS(`.jp-Launcher`)))
	want := []string{"Python 3 (ipykernel)"}
	for _, k := range img.Kernels {
		want = append(want, k.DisplayName)
	}
	slices.Sort(want)
	for _, section := range []string{"Notebook", "Console"} {
		got := b.cards(section)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cards under %s in the launcher (-want +got):\n%s", section, diff)
		}
	}
	b.tidy()
	b.screenshot("launcher.png")
	for _, k := range img.Kernels {
		code, output := `import sys; print("cell ran in", sys.prefix)`, "cell ran in "+k.Prefix
		if k.Language == "R" {
			code, output = `cat("cell ran in", Sys.getenv("CONDA_PREFIX"))`, "cell ran in "+k.Prefix
		}
		b.runCell(k.DisplayName, code, output)
	}
	b.showNotebook(server)
	if len(b.errors()) > 0 {
		t.Errorf("console errors that are not JupyterLab's own:\n%s", strings.Join(b.errors(), "\n"))
	}
}

// A browser is a Chromium with one window.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// An act is a step that gives nothing back.
type act = chromedp.Action[chromedp.Void]

func open(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: run demo/setup.sh", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, end := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...))
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("close Chromium: %v", err)
		}
		end()
	})
	// The first run starts the browser and must have no limit of its own.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return // the browser has ended
			}
			if m.Type == chromedp.ConsoleError || m.IsException() {
				text := fmt.Sprintf("%s %s (%s)", m.Source, m.Text, m.URL)
				if m.Exception != nil && m.Exception.Exception != nil {
					text += "\n" + m.Exception.Exception.Description // with the stack
				}
				b.mu.Lock()
				b.console = append(b.console, text)
				b.mu.Unlock()
			}
		}
	}()
	dialogs := chromedp.Events(ctx, page.JavascriptDialogOpening)
	go func() {
		for _, err := range dialogs { // "leave this page?", for notebooks are not saved
			if err == nil {
				_, err = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}
			if err != nil {
				return
			}
		}
	}()
	return b
}

// ownErrors are what JupyterLab 4.0 of Debian says in any installation.
var ownErrors = [][]string{
	{"packages_running_lib_index_js", "'react'"},                             // its "running" extension before React is there
	{"packages_notebook_lib_index_js", "_onCellInViewportChanged", "'type'"}, // its table of contents, of a notebook with a heading
	{"/lsp/status"}, // no language server extension: 404
}

// errors are the console's errors that are not JupyterLab's own.
func (b *browser) errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.console), func(text string) bool {
		return slices.ContainsFunc(ownErrors, func(words []string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
		})
	})
}

// do does the steps, and fails the test where they take too long.
func (b *browser) do(limit time.Duration, what string, steps ...act) {
	b.t.Helper()
	get(b, limit, what, chromedp.Steps(steps...))
}

func get[T any](b *browser, limit time.Duration, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("%s: %v\nconsole: %s\n%s", what, err, strings.Join(b.errors(), "\n"), b.failure())
	}
	return v
}

// failure keeps a picture of what is on the screen when a test fails.
func (b *browser) failure() string {
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	name := filepath.Join(os.TempDir(), "corn-e2e-failure.png")
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return "no picture: " + err.Error()
	}
	if err := os.WriteFile(name, shot, 0o644); err != nil {
		return err.Error()
	}
	return "picture: " + name
}

// cards are the titles in a section of the launcher, sorted.
func (b *browser) cards(section string) []string {
	b.t.Helper()
	titles := get(b, 20*time.Second, "read the launcher", chromedp.Evaluate[[]string](fmt.Sprintf(
		`[...document.querySelectorAll('.jp-LauncherCard[data-category=%q] .jp-LauncherCard-label')].map(e => e.textContent)`, section)))
	slices.Sort(titles)
	return titles
}

// tidy answers the question whether news may be fetched, which covers the page.
func (b *browser) tidy() {
	b.t.Helper()
	b.do(20*time.Second, "close notifications", chromedp.Sleep(time.Second), chromedp.Evaluate[chromedp.Void](
		`[...document.querySelectorAll('.jp-toast-button, .Toastify button')].filter(e => e.textContent.trim() === 'No').forEach(e => e.click())`), chromedp.Sleep(500*time.Millisecond))
}

// idle waits for the notebook in front to have a kernel that is idle. Lab drops keys for a
// moment longer.
func idle() act {
	return chromedp.Steps(
		chromedp.WaitVisible(front+` .jp-Notebook-ExecutionIndicator[data-status=idle]`),
		chromedp.Sleep(2500*time.Millisecond),
	)
}

// front is the notebook that is seen; the others are hidden.
const front = chromedp.CSS(`.jp-NotebookPanel:not(.lm-mod-hidden)`)

// runCell opens a notebook from the launcher, runs one cell in it, and opens another launcher.
func (b *browser) runCell(title, code, output string) {
	b.t.Helper()
	click := fmt.Sprintf(`(() => {
		const card = [...document.querySelectorAll('.jp-LauncherCard[data-category="Notebook"]')].find(e => e.querySelector('.jp-LauncherCard-label').textContent === %q);
		card.click();
		return true;
	})()`, title)
	b.do(90*time.Second, "run a cell in "+title,
		chromedp.WaitVisible(chromedp.CSS(`.jp-Launcher .jp-LauncherCard[data-category="Notebook"]`)),
		chromedp.Evaluate[chromedp.Void](click),
		idle(),
		chromedp.Click(front+` .jp-CodeCell .cm-content`),
		chromedp.KeyEvent(code),
		chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierShift)),
		chromedp.WaitVisible(front+` .jp-OutputArea-output`),
	)
	text := get(b, 10*time.Second, "read the output in "+title, chromedp.Text(front+` .jp-OutputArea-output`))
	b.do(20*time.Second, "open another launcher", chromedp.Click(chromedp.CSS(`#jp-main-dock-panel .lm-TabBar-addButton:not(.lm-mod-hidden)`)))
	if !strings.Contains(text, output) {
		b.t.Errorf("a cell in %q gave %q, want %q", title, text, output)
	}
}

// showNotebook opens a prepared notebook, runs it, and takes its picture.
func (b *browser) showNotebook(s *jupytertest.Server) {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sea-surface.ipynb"))
	if err != nil {
		b.t.Fatal(err)
	}
	var cells any
	if err := json.Unmarshal(data, &cells); err != nil {
		b.t.Fatal(err)
	}
	err = s.Call(b.ctx, http.MethodPut, "/api/contents/sea-surface.ipynb",
		map[string]any{"type": "notebook", "format": "json", "content": cells}, http.StatusCreated, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	steps := []act{chromedp.Navigate(s.URL + "/lab/workspaces/notebook/tree/sea-surface.ipynb?reset"), idle()}
	for i := 1; i <= 2; i++ { // cell 0 is the text
		cell := front + chromedp.CSS(fmt.Sprintf(` .jp-Cell[data-windowed-list-index="%d"]`, i))
		steps = append(steps,
			chromedp.Click(cell+` .cm-content`),
			chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierShift)),
			chromedp.WaitVisible(cell+` .jp-OutputArea-output`))
	}
	b.do(90*time.Second, "run a notebook", append(steps,
		chromedp.WaitVisible(front+` .xr-wrap`),
		chromedp.WaitVisible(front+` .jp-Notebook-ExecutionIndicator[data-status=idle]`))...)
	b.tidy()
	b.screenshot("notebook.png")
}

// screenshot takes a picture of the page, and keeps it where asked to.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	small, err := compress(get(b, 30*time.Second, "take a picture", chromedp.CaptureScreenshot()))
	if err != nil {
		b.t.Errorf("picture %s: %v", name, err)
		return
	}
	if os.Getenv("UPDATE_SCREENSHOTS") != "1" {
		return
	}
	if err := os.WriteFile(filepath.Join("..", "docs", "images", name), small, 0o644); err != nil {
		b.t.Error(err)
	}
}

// compress makes a picture as small as it gets without loss.
func compress(shot []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	if size := img.Bounds().Size(); size.X != 1280 || size.Y != 800 {
		return nil, fmt.Errorf("is %v, want 1280x800", size)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, img); err != nil {
		return nil, err
	}
	if out.Len() > 300_000 {
		return nil, errors.New("takes more than 300 kB")
	}
	return out.Bytes(), nil
}
