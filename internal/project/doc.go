// Package project reads a project's folder: which kernels it asks for, with which locks.
//
// The rules are DESIGN's section 3, shared with repo2docker, pangeo's base image and the
// repositories that have a folder of environments:
//
//   - The configuration folder is the first of binder, .binder, ci and "." that has a
//     folder environments; where none has one, the first that has an environment file.
//   - Each folder in environments is one kernel. environment.yml, requirements.txt and the
//     locks in the configuration folder itself are the notebook environment.
//   - name.txt is the kernel's display name; else name: in environment.yml; else the
//     folder's name. The slug made of it names the kernel and its prefix ([Slug]).
//   - Locks are looked for in the order conda-lock.yml, conda-<platform>.lock, pixi.lock.
//
// What was found and not used is in [Project.Notices]. Files that would change the image
// and that this version does not carry out are errors: an image without them would be
// another one than the project describes.
//
// Files are opened through an os.Root: a link that leaves the project is an error.
//
// Out of scope: solving, MatchSpecs (dependencies are raw text here), the base image.
package project
