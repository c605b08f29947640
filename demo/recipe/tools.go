package recipe

import "strings"

// Tools is the IDs of a Java virtual machine and a C compiler with its sysroot, to be
// built together with [Full], which has their libraries: large, and not for kernels. They are programs that look for their siblings through their own
// real path, or read text files where others have libraries.
func Tools() []string {
	var ids []string
	for _, r := range tools() {
		ids = append(ids, r.ID)
	}
	return ids
}

// triplet names the sysroot's folder as conda-forge does.
const triplet = "x86_64-conda-linux-gnu"

func tools() []Recipe {
	return []Recipe{openJDK(), sysroot(), binutils(), gcc()}
}

// openJDK is one without sound, smart cards and fonts. Its image of modules has the
// compiler in it, so that "java File.java" works.
func openJDK() Recipe {
	const home = "usr/lib/jvm/java-17-openjdk-amd64/"
	return Recipe{
		ID: "bookworm/openjdk", Name: "openjdk", Suite: bookworm, Kind: library, Debs: []string{"openjdk-17-jre-headless"},
		Depends: []string{"+libgcc", "+libzlib"},
		Moves:   [][2]string{{home, "lib/jvm/"}},
		RPath:   []string{"lib/jvm/lib", "lib/jvm/lib/server"},
		Drop: []string{home + "docs", home + "man/**", "usr/lib/jvm/java-1.17.0-openjdk-amd64", "usr/lib/jvm/.java-1.17.0-openjdk-amd64.jinfo",
			"usr/lib/jvm/openjdk-17/**", home + "lib/security/cacerts", home + "lib/libjsound.so", home + "lib/libj2pcsc.so",
			home + "lib/liblcms.so", home + "lib/libjavajpeg.so", home + "lib/libfontmanager.so"},
		Finish: func(d *draft) error {
			for p := range d.files {
				if name, ok := strings.CutPrefix(p, "lib/jvm/bin/"); ok {
					d.symlink("bin/"+name, "../"+p)
				}
			}
			return nil
		},
	}
}

// sysroot is the C library to compile and link against, in Debian's own layout below the
// sysroot's folder: the absolute paths in its linker scripts are right there.
func sysroot() Recipe {
	return Recipe{
		ID: "bookworm/sysroot_linux-64", Name: "sysroot_linux-64", Suite: bookworm, Kind: generic,
		Debs:  []string{"libc6-dev", "libc6", "linux-libc-dev"},
		Moves: [][2]string{{"usr/", triplet + "/sysroot/usr/"}},
		Keep:  []string{"usr/lib/" + multiarch + "/*.a"}, // libc_nonshared.a; libm.a is a script
		Drop: []string{"etc/**", "usr/bin/**", "usr/sbin/**", "usr/share/**", "usr/lib/" + multiarch + "/gconv/**", "usr/lib/locale/**",
			"usr/lib/" + multiarch + "/audit/**"},
		Finish: func(d *draft) error {
			d.symlink(triplet+"/sysroot/lib", "usr/lib")
			d.symlink(triplet+"/sysroot/lib64", "usr/lib64")
			return nil
		},
	}
}

// binutils keep their programs' names with Debian's triplet, and are found by the
// compiler below a folder of that name.
func binutils() Recipe {
	return Recipe{
		ID: "bookworm/binutils_impl_linux-64", Name: "binutils_impl_linux-64", Suite: bookworm, Kind: library,
		Debs:    []string{"binutils-" + strings.ReplaceAll(multiarch, "_", "-"), "libbinutils", "libctf0", "libctf-nobfd0", "libgprofng0", "libjansson4"},
		Depends: []string{"+libgcc", "+libzlib", "+zstd"},
		Drop:    []string{"etc/**", "usr/lib/" + multiarch + "/gprofng/**", "usr/lib/" + multiarch + "/ldscripts/**"},
		Finish: func(d *draft) error {
			for p := range d.files {
				if name, ok := strings.CutPrefix(p, "bin/"+multiarch+"-"); ok {
					d.symlink(multiarch+"/bin/"+name, "../../"+p)
				}
			}
			return nil
		},
	}
}

// gcc is a C compiler whose front is a script that names the sysroot.
func gcc() Recipe {
	return Recipe{
		ID: "bookworm/gcc_impl_linux-64", Name: "gcc_impl_linux-64", Suite: bookworm, Kind: library,
		Debs:    []string{"gcc-12", "cpp-12", "libgcc-12-dev", "libcc1-0", "libisl23", "libmpc3", "libmpfr6", "libgmp10"},
		Depends: []string{"+libgcc", "+libzlib", "+zstd", "binutils_impl_linux-64", "sysroot_linux-64"},
		// Sanitizers and the rest of what C without options does not ask for.
		Drop: []string{"usr/lib/gcc/*/12/libasan*", "usr/lib/gcc/*/12/libitm*", "usr/lib/gcc/*/12/libatomic*", "usr/lib/gcc/*/12/libubsan*",
			"usr/lib/gcc/*/12/libtsan*", "usr/lib/gcc/*/12/liblsan*", "usr/lib/gcc/*/12/libgomp.so", "usr/lib/gcc/*/12/libquadmath.so",
			"usr/lib/gcc/*/12/plugin/**"},
		Finish: func(d *draft) error {
			text := "#!/bin/sh\nexec '" + Placeholder + "/bin/" + multiarch + "-gcc-12' --sysroot='" + Placeholder + "/" + triplet + "/sysroot' \"$@\"\n"
			for _, p := range []string{"bin/" + triplet + "-cc", "bin/gcc"} {
				if err := d.set(p, []byte(text)); err != nil {
					return err
				}
				f := d.files[p]
				f.Mode = 0o755
				d.files[p] = f
			}
			d.symlink("bin/cc", "gcc")
			return nil
		},
	}
}
