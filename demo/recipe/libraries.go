package recipe

import "strings"

// libraryTable is one line a package: its conda name, the debs in bookworm, those in
// trixie ("=" for the same names, "-" for no package there), and what it depends on.
const libraryTable = `
bzip2         | libbz2-1.0       | =             |
libexpat      | libexpat1        | =             |
libffi        | libffi8          | =             |
libgcc        | libgcc-s1 libstdc++6 libgomp1 libgfortran5 libquadmath0 | = |
liblzma       | liblzma5         | =             |
libopenblas   | libopenblas0-pthread | =         | +libgcc
libsodium     | libsodium23      | =             |
libsqlite     | libsqlite3-0     | =             |
libuuid       | libuuid1         | =             |
libzlib       | zlib1g           | =             |
ncurses       | libtinfo6 libncursesw6 | =       |
readline      | libreadline8     | libreadline8t64 | +ncurses
yaml          | libyaml-0-2      | =             |
zstd          | libzstd1         | =             |
argon2        | libargon2-1      | =             |
krb5          | libkrb5-3 libgssapi-krb5-2 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 | = | +openssl
libbsd        | libbsd0 libmd0   | =             |
zeromq        | libzmq5 libnorm1 libpgm-5.3-0 | libzmq5 libnorm1t64 libpgm-5.3-0t64 | +libbsd +libsodium +krb5 +libgcc
cairo         | libcairo2 libpixman-1-0 | -      | +fontconfig +libpng +xorg-libx11 +libzlib
fontconfig    | libfontconfig1 fontconfig-config libfreetype6 fonts-dejavu-core | - | +libbrotli +libexpat +libpng +libzlib
icu           | libicu72         | -             | +libgcc
libcurl       | libcurl4 libnghttp2-14 libpsl5 librtmp1 libssh2-1 libldap-2.5-0 libsasl2-2 libgnutls30 libnettle8 libhogweed6 libgmp10 libp11-kit0 libtasn1-6 libidn2-0 libunistring2 | - | +libbrotli +krb5 +libffi +libzlib +openssl +zstd
libbrotli     | libbrotli1       | -             |
libglib       | libglib2.0-0 libmount1 libblkid1 | - | +libffi +libzlib +pcre2
libpng        | libpng16-16      | -             | +libzlib
libtiff       | libtiff6 libjbig0 libjpeg62-turbo liblerc4 libdeflate0 libwebp7 | - | +libgcc +liblzma +libzlib +zstd
libtirpc      | libtirpc3        | -             | +krb5
llhttp        | -                | libllhttp9.2  |
pango         | libpango-1.0-0 libpangocairo-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libfribidi0 libthai0 libthai-data libdatrie1 libgraphite2-3 | - | +cairo +fontconfig +libgcc +libglib
pcre2         | libpcre2-8-0     | -             |
xorg-libx11   | libx11-6 libx11-data libxcb1 libxau6 libxdmcp6 libxext6 libxrender1 libxcb-render0 libxcb-shm0 libxt6 libsm6 libice6 | - | +libbsd +libuuid
`

// libraryExtra holds what single packages of the table need besides.
var libraryExtra = map[string]func(*Recipe){
	"argon2":     func(r *Recipe) { r.Version = "20190702" },
	"libcurl":    func(r *Recipe) { r.Drop = []string{"etc/**", "usr/share/**"} },
	"krb5":       func(r *Recipe) { r.Drop = []string{"etc/**", "usr/share/**"} },
	"libtirpc":   func(r *Recipe) { r.Drop = []string{"etc/**"} },
	"fontconfig": func(r *Recipe) { r.Drop = []string{"usr/share/fonts-dejavu/**"}; r.Finish = finishFontconfig },
	"zeromq":     func(r *Recipe) { r.Drop = []string{"etc/**"} },
}

// finishFontconfig has the configuration name the prefix, and activation name the
// configuration: the library has /etc/fonts compiled in.
func finishFontconfig(d *draft) error {
	if err := d.replace("etc/fonts/fonts.conf", "<dir>/usr/share/fonts</dir>", "<dir>"+Placeholder+"/share/fonts</dir>"); err != nil {
		return err
	}
	err := d.set("etc/conda/activate.d/fontconfig_activate.sh", []byte("export FONTCONFIG_PATH=\"$CONDA_PREFIX/etc/fonts\"\n"))
	if err != nil {
		return err
	}
	return d.set("etc/conda/deactivate.d/fontconfig_deactivate.sh", []byte("unset FONTCONFIG_PATH\n"))
}

// libraries are the packages of shared libraries, bundled by where their sources come from.
func libraries() []Recipe {
	var out []Recipe
	for line := range strings.Lines(libraryTable) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		name, old, recent := strings.TrimSpace(cells[0]), strings.Fields(cells[1]), strings.Fields(cells[2])
		if recent[0] == "=" {
			recent = old
		}
		for suite, debs := range map[string][]string{bookworm: old, trixie: recent} {
			if debs[0] == "-" {
				continue
			}
			r := Recipe{
				ID: suite + "/" + name, Name: name, Suite: suite, Kind: library,
				Debs: debs, Depends: strings.Fields(cells[3]),
			}
			if extra := libraryExtra[name]; extra != nil {
				extra(&r)
			}
			out = append(out, r)
		}
	}
	return append(out, certificates(), openssl(bookworm, "libssl3"), openssl(trixie, "libssl3t64"))
}

// openssl looks for its modules below a path compiled in, so an activation script says
// where they are.
func openssl(suite, deb string) Recipe {
	return Recipe{
		ID: suite + "/openssl", Name: "openssl", Suite: suite, Kind: library, Debs: []string{deb},
		Depends: opensslNeeds[suite],
		Finish: func(d *draft) error {
			if err := d.set("etc/conda/activate.d/openssl_activate.sh", []byte(opensslActivate)); err != nil {
				return err
			}
			return d.set("etc/conda/deactivate.d/openssl_deactivate.sh", []byte(opensslDeactivate))
		},
	}
}

// opensslNeeds differ: trixie's libcrypto compresses.
var opensslNeeds = map[string][]string{
	bookworm: {"ca-certificates"},
	trixie:   {"ca-certificates", "+libzlib", "+zstd"},
}

const opensslActivate = `# Where this environment's openssl finds its modules and its certificates.
if [ -n "${OPENSSL_MODULES+x}" ]; then
    export _CONDA_BACKUP_OPENSSL_MODULES="$OPENSSL_MODULES"
fi
export OPENSSL_MODULES="$CONDA_PREFIX/lib/ossl-modules"
if [ -z "${SSL_CERT_FILE:-}" ]; then
    export SSL_CERT_FILE="$CONDA_PREFIX/ssl/cacert.pem"
    export _CONDA_SET_SSL_CERT_FILE=1
fi
`

const opensslDeactivate = `unset OPENSSL_MODULES
if [ -n "${_CONDA_BACKUP_OPENSSL_MODULES+x}" ]; then
    export OPENSSL_MODULES="$_CONDA_BACKUP_OPENSSL_MODULES"
    unset _CONDA_BACKUP_OPENSSL_MODULES
fi
if [ "${_CONDA_SET_SSL_CERT_FILE:-}" = 1 ]; then
    unset SSL_CERT_FILE _CONDA_SET_SSL_CERT_FILE
fi
`

// certificates are Mozilla's, as one file where conda-forge has it.
func certificates() Recipe {
	return Recipe{
		ID: "trixie/ca-certificates", Name: "ca-certificates", Suite: trixie, Kind: generic,
		Debs: []string{"ca-certificates"},
		Drop: []string{"usr/sbin/**", "etc/ca-certificates/**", "etc/ssl/**", "usr/share/ca-certificates/**"},
		Extra: func(d *draft) error {
			var all strings.Builder
			var when int64
			for _, p := range sortedKeys(d.tree) {
				if !match("usr/share/ca-certificates/mozilla/*.crt", p) {
					continue
				}
				text, err := content(d.tree[p])
				if err != nil {
					return err
				}
				when = max(when, d.tree[p].ModTime)
				all.Write(text)
			}
			if err := d.set("ssl/cacert.pem", []byte(all.String())); err != nil {
				return err
			}
			f := d.files["ssl/cacert.pem"]
			f.ModTime = when
			d.files["ssl/cacert.pem"] = f
			d.symlink("ssl/cert.pem", "cacert.pem")
			return nil
		},
	}
}
