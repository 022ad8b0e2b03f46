package live

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"fusegrid/report"
)

// A Guard lets through only requests that may see a study: they ask for a host that is this server, do not come from the
// pages of other sites, and have the token, if there is one. The token is sent once, in the address; after that, a
// cookie takes its place, which scripts cannot read.
type Guard struct {
	Host  string // the host of the address to listen on; "" for all addresses of this machine
	Token string // "" if none is needed
}

// LeastToken is the number of characters that a token needs.
const LeastToken = 16

// Wrap returns a handler that lets requests through to h.
func (g Guard) Wrap(h http.Handler) http.Handler {
	policy := report.Policy() + "; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cache-Control":                "no-store",
		} {
			w.Header().Set(name, value)
		}
		switch {
		case !g.isHost(r):
			refuse(w, http.StatusMisdirectedRequest, fmt.Sprintf("%.100q is no name of this server; open the address that sweep printed", r.Host))
		case !sameSite(r):
			refuse(w, http.StatusForbidden, "a page of another site asked for this")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "this server only shows a study; it takes no "+clean(r.Method))
		case g.Token == "":
			h.ServeHTTP(w, r)
		case r.URL.Query().Has("token"):
			g.enter(w, r)
		case !g.known(r):
			refuse(w, http.StatusUnauthorized, "open the address with its token, as sweep printed it")
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// refuse answers with one line.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "sweep: %s\n", why)
}

// clean returns the letters of a word of a request.
func clean(word string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, word[:min(len(word), 20)])
}

// isHost reports whether the host that a request names is this server. Names of other hosts may have been made to point
// here, so that pages of those hosts could read what this server sends.
func (g Guard) isHost(r *http.Request) bool {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	here, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if here == nil {
		return false
	}
	ip, listens, err := net.SplitHostPort(here.String())
	if err != nil || port != listens {
		return false
	}
	if asked := net.ParseIP(host); asked != nil {
		return asked.Equal(net.ParseIP(ip)) || asked.IsLoopback() && net.ParseIP(ip).IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" {
		return net.ParseIP(ip).IsLoopback()
	}
	names := []string{strings.ToLower(g.Host)}
	if name, err := os.Hostname(); err == nil && g.Token != "" {
		short, _, _ := strings.Cut(strings.ToLower(name), ".")
		names = append(names, strings.ToLower(name), short)
		if short != "" && strings.HasPrefix(host, short+".") { // with the domain
			names = append(names, host)
		}
	}
	return host != "" && slices.Contains(names, host)
}

// sameSite reports whether a request comes from a page of this server, or from an address that a user opened.
func sameSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && u.Scheme == "http" && u.Host == r.Host && u.Path == ""
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// enter exchanges a token for a cookie.
func (g Guard) enter(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get("token"), g.Token) {
		refuse(w, http.StatusForbidden, "the token is wrong")
		return
	}
	// A strict cookie would not be sent if a link in a mail led here.
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Value: ticket(g.Token), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// known reports whether a request has the cookie.
func (g Guard) known(r *http.Request) bool {
	c, err := r.Cookie(cookieName(r))
	return err == nil && equal(c.Value, ticket(g.Token))
}

// cookieName returns a name for each port, because servers on all ports of a host share its cookies.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "sweep-watch-" + port
}

// ticket returns the value of the cookie. The token does not follow from it.
func ticket(token string) string {
	sum := sha256.Sum256([]byte("sweep watch " + token))
	return hex.EncodeToString(sum[:])
}

// equal compares secrets in a time that depends on neither.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
